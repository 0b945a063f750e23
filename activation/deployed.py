"""The configuration that a sync's rows were sent with, kept in the ledger next to them.

A file that was changed, switched off, broken or deleted since says nothing of where the rows are.
This does.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from activation import ledger_tables as t
from activation.config import Sync
from activation.ledger import Ledger, now


@dataclass(frozen=True)
class DeployedSync:
    """A sync as it was last sent with. mark: what said who must not be reached when it had no
    withdrawal left.
    """

    sync: Sync
    mark: str | None

    def is_settled(self, sync: Sync, mark: str) -> bool:
        """Whether no row sent with this configuration can be a withdrawal."""
        return self.mark == mark and self.sync.content == sync.content


def of(ledger: Ledger, name: str) -> DeployedSync | None:
    """What the sync was last sent with; None for one that has never sent."""
    with ledger.begin() as c:
        row = c.execute(sa.select(t.sync_configs).where(t.sync_configs.c.sync == name)).first()
    if row is None:
        return None
    return DeployedSync(
        Sync(name, json.loads(row.content), Path(f"the deployed configuration of {name}")), row.mark
    )


def keep(ledger: Ledger, sync: Sync, mark: str | None) -> None:
    """Record what the sync sends with from now on, and what said who must not be reached."""
    known = of(ledger, sync.name)
    if known is not None and known.mark == mark and known.sync.content == sync.content:
        return
    content = json.dumps(sync.content, sort_keys=True, default=str)
    with ledger.begin() as c:
        values = {"sync": sync.name, "content": content, "mark": mark, "saved_at": now()}
        ledger.upsert(c, t.sync_configs, [values])


def has_rows(ledger: Ledger, name: str) -> bool:
    """Whether a destination has rows of the sync, or may have."""
    with ledger.begin() as c:
        found = sa.select(
            sa.or_(*(sa.exists().where(x.c.sync == name) for x in (t.held_rows, t.intents)))
        )
        return bool(c.execute(found).scalar_one())


def with_rows(ledger: Ledger) -> list[str]:
    """Names of the syncs of which a destination has rows, or may have."""
    tables = (t.held_rows, t.intents)
    with ledger.begin() as c:
        return sorted(
            {name for x in tables for name in c.execute(sa.select(x.c.sync).distinct()).scalars()}
        )


def is_same_place(one: Sync, other: Sync) -> bool:
    """Whether rows of both are at one place, under one key."""
    return all(one.content.get(part) == other.content.get(part) for part in _PLACE)


_PLACE = ("destination", "connection", "options", "key", "columns")
