"""The configuration that a sync's rows were sent with, kept in the ledger next to them.

A file may be changed, disabled, broken or deleted since. This record still names the place of the
rows.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from activation.ledger import tables as t
from activation.ledger.database import Ledger, now
from segmentry.sync_config import SyncConfig, parsed


@dataclass(frozen=True)
class DeployedSync:
    """A sync as it was last sent with. mark: the hash of the tables that name who must not be
    reached, when no withdrawal was left.
    """

    sync: SyncConfig
    mark: str | None

    def is_settled(self, sync: SyncConfig, mark: str) -> bool:
        """Whether no row sent with this configuration can be a withdrawal."""
        return self.mark == mark and self.sync.is_same_as(sync)


def of(ledger: Ledger, name: str) -> DeployedSync | None:
    """What the sync was last sent with; None for one that has never sent."""
    with ledger.begin() as c:
        row = c.execute(sa.select(t.sync_configs).where(t.sync_configs.c.sync == name)).first()
    if row is None:
        return None
    where = Path(f"the deployed configuration of {name}")
    return DeployedSync(parsed(name, json.loads(row.content), where), row.mark)


def keep(ledger: Ledger, sync: SyncConfig, mark: str | None) -> None:
    """Record the configuration that the sync sends with from now on, and the mark."""
    known = of(ledger, sync.name)
    if known is not None and known.mark == mark and known.sync.is_same_as(sync):
        return
    with ledger.begin() as c:
        values = {"sync": sync.name, "content": sync.as_json(), "mark": mark, "saved_at": now()}
        ledger.upsert(c, t.sync_configs, [values])


def has_rows(ledger: Ledger, name: str) -> bool:
    """Whether a destination has rows of the sync, or may have."""
    with ledger.begin() as c:
        found = sa.select(
            sa.or_(*(sa.exists().where(x.c.sync == name) for x in (t.destination_rows, t.intents)))
        )
        return bool(c.execute(found).scalar_one())


def with_rows(ledger: Ledger) -> list[str]:
    """Names of the syncs of which a destination has rows, or may have."""
    tables = (t.destination_rows, t.intents)
    with ledger.begin() as c:
        return sorted(
            {name for x in tables for name in c.execute(sa.select(x.c.sync).distinct()).scalars()}
        )


def forget(ledger: Ledger, name: str) -> None:
    """Close a sync: it has no rows, no refused rows and no configuration any more. The record of
    what was sent stays.
    """
    tables = (t.destination_rows, t.dead_letters, t.sync_configs, t.sync_measures)
    with ledger.begin() as c:
        for table in tables:
            c.execute(sa.delete(table).where(table.c.sync == name))


def is_same_place(one: SyncConfig, other: SyncConfig) -> bool:
    """Whether rows of both are at one place, under one key."""
    return not one.differing(other.as_json(), _PLACE)


_PLACE = ("destination", "connection", "options", "key", "columns")
