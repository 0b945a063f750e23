"""Everything that a sync ever did with one person's rows, from the ledger.

``segmentry sync history`` calls it. It answers for a sync whose file is deleted too, and for the
former profiles of a person who was merged.
"""

from __future__ import annotations

from typing import Any

import duckdb
import sqlalchemy as sa

from activation.ledger import tables as t
from activation.ledger.database import Ledger
from identity import people
from segmentry import sync_files, warehouse
from segmentry.errors import UsageError
from segmentry.settings import Settings


def person(settings: Settings, name: str, who: str) -> list[dict[str, Any]]:
    """Each row that was ever tried for the person, oldest first, with its outcome.

    who: a profile_id or ``type:value``. UsageError for a sync or person that is not known. A
    profile_id that the ledger alone still knows, as of an erased profile, is answered too.
    """
    ledger = Ledger(settings)
    try:
        _require_sync(settings, ledger, name)
        return _changes(ledger, name, _profiles(settings, ledger, who))
    finally:
        ledger.close()


def _require_sync(settings: Settings, ledger: Ledger, name: str) -> None:
    with ledger.begin() as c:
        sent = set(c.execute(sa.select(t.changes.c.sync).distinct()).scalars())
    fitting, faults = sync_files.load_each(settings)
    if name not in (known := sent | set(fitting) | set(faults)):
        raise UsageError(
            f"there is no sync '{name}', and none of that name has ever sent",
            allowed=", ".join(sorted(known)) or "a sync; there is none",
            remedy="`segmentry sync status` lists the syncs",
        )


def _profiles(settings: Settings, ledger: Ledger, who: str) -> list[str]:
    """The person's profile and those that were merged into it."""
    with ledger.begin() as c:
        is_known = sa.exists().where(t.changes.c.profile_id == who)
        is_in_ledger = bool(c.execute(sa.select(is_known)).scalar_one())
    with warehouse.connect(settings, read_only=True) as lake:
        try:
            profile = people.profile_named(lake, who)
        except UsageError:
            if not is_in_ledger:
                raise
            profile = who
        return sorted({profile, *_former(lake, profile)})


def _former(lake: duckdb.DuckDBPyConnection, profile: str) -> list[str]:
    sql = "select profile_id from lake.identity.profile_resolution where current_profile_id = ?"
    return [str(former) for (former,) in lake.execute(sql, [profile]).fetchall()]


def _changes(ledger: Ledger, name: str, profiles: list[str]) -> list[dict[str, Any]]:
    c = t.changes.c
    columns = (c.sent_at, c.operation, c.status, c.reason, c.row_key, c.run_id, c.request_id)
    chosen = sa.select(*columns).where(c.sync == name, c.profile_id.in_(profiles))
    with ledger.begin() as connection:
        found = connection.execute(chosen.order_by(c.change_id)).mappings().all()
    return [dict(change) for change in found]
