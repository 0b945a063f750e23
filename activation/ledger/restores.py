"""Restores of the home from a backup: until one is released, every sync stops.

The ledger of a backup is older than the destinations. What was sent, and who opted out or was
erased since, is not in it.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from activation.ledger import tables as t
from activation.ledger.database import Ledger, now


def begin(ledger: Ledger, backup: str, taken_at: str) -> None:
    """Record a restore. taken_at: when the ledger was copied, ISO 8601. A repetition changes
    nothing.
    """
    at = datetime.fromisoformat(taken_at.replace("Z", "+00:00")).replace(tzinfo=None)
    row = {"backup": backup, "taken_at": at, "restored_at": now(), "released_at": None}
    with ledger.begin() as c:
        mine = (t.restores.c.backup == backup) & t.restores.c.released_at.is_(None)
        if c.execute(sa.select(t.restores.c.backup).where(mine)).first() is None:
            c.execute(sa.insert(t.restores).values(**row, released_by="", reason=""))


def unreleased(ledger: Ledger) -> list[tuple[datetime, datetime]]:
    """(time of the ledger, time of the restore) of each restore that is not released."""
    columns = (t.restores.c.taken_at, t.restores.c.restored_at)
    with ledger.begin() as c:
        found = c.execute(sa.select(*columns).where(t.restores.c.released_at.is_(None))).all()
    return [(taken, restored) for taken, restored in found]


def release(ledger: Ledger, by: str, reason: str) -> None:
    """Let syncs go on. Every restore that is not released is."""
    with ledger.begin() as c:
        c.execute(
            sa.update(t.restores)
            .where(t.restores.c.released_at.is_(None))
            .values(released_at=now(), released_by=by, reason=reason)
        )


def last_pulls(ledger: Ledger) -> dict[str, datetime]:
    """When each account's opt-outs were read back last, by ``tool/name``."""
    columns = (t.opt_out_cursors.c.account, t.opt_out_cursors.c.pulled_at)
    with ledger.begin() as c:
        found = c.execute(sa.select(*columns)).all()
    return {row.account: row.pulled_at for row in found}
