"""The configuration that a sync's rows were sent with, kept in the ledger next to them.

A file may be changed, disabled, broken or deleted since. This record still names the place of the
rows.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from activation import places
from activation.ledger import tables as t
from activation.ledger import written_places
from activation.ledger.database import Ledger, now
from activation.places import WrittenPlace
from segmentry.sync_config import SyncConfig, parsed


@dataclass(frozen=True)
class DeployedSync:
    """A sync as it was last sent with. mark: the hash of the tables that name who must not be
    reached, when no withdrawal was left. place: where its rows are; None where an older version
    sent them.
    """

    sync: SyncConfig
    mark: str | None
    place: WrittenPlace | None = None

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
    place = None if row.place is None else places.from_json(row.place)
    return DeployedSync(parsed(name, json.loads(row.content), where), row.mark, place)


def keep(ledger: Ledger, sync: SyncConfig, mark: str | None, place: WrittenPlace | None) -> None:
    """Record the configuration that the sync sends with from now on, the mark and the place."""
    known = of(ledger, sync.name)
    if (
        known is not None
        and (known.mark, known.place) == (mark, place)
        and known.sync.is_same_as(sync)
    ):
        return
    with ledger.begin() as c:
        ledger.upsert(c, t.sync_configs, [_row(sync.name, sync.as_json(), mark, place)])


def _row(name: str, content: str, mark: str | None, place: WrittenPlace | None) -> dict[str, Any]:
    return {
        "sync": name,
        "content": content,
        "mark": mark,
        "place": None if place is None else place.as_json(),
        "saved_at": now(),
    }


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
        written_places.remember(ledger, c, name)
        for table in tables:
            c.execute(sa.delete(table).where(table.c.sync == name))


def move(ledger: Ledger, sync: SyncConfig, place: WrittenPlace) -> None:
    """Record that the sync has no rows yet, at another place than before: nothing of the former
    place is remembered, and every row is sent.
    """
    with ledger.begin() as c:
        written_places.remember(ledger, c, sync.name)
        _forget_rows(c, sync.name)
        _adopt(c, sync, place)
        ledger.upsert(c, t.sync_configs, [_row(sync.name, sync.as_json(), None, place)])


def abandon(ledger: Ledger, known: DeployedSync, sync: SyncConfig, place: WrittenPlace) -> str:
    """The same, and record the rows at the former place under a name of their own, which is
    returned.

    They are those of an orphaned sync from then on: people who opt out are removed there as soon as
    the place can be reached.
    """
    name = sync.name
    with ledger.begin() as c:
        taken = set(c.execute(sa.select(t.sync_configs.c.sync)).scalars())
        orphan = next(found for n in count(1) if (found := f"{name}{FORMER}{n}") not in taken)
        for table in (t.destination_rows, t.intents):
            c.execute(sa.update(table).where(table.c.sync == name).values(sync=orphan))
        left = _row(orphan, known.sync.recorded_under(orphan), None, known.place)
        here = _row(name, sync.as_json(), None, place)
        _forget_rows(c, name)
        _adopt(c, sync, place)
        ledger.upsert(c, t.sync_configs, [left, here])
    return orphan


def forget_mark(ledger: Ledger, sync: str) -> None:
    """Have the next run search for withdrawals, whatever has changed."""
    table = t.sync_configs
    with ledger.begin() as c:
        c.execute(sa.update(table).where(table.c.sync == sync).values(mark=None))


def _adopt(c: sa.Connection, sync: SyncConfig, place: WrittenPlace) -> None:
    """Give a sync the rows that were once left behind at the place to which it comes. They are
    unconfirmed: the next plan sends or removes them.
    """
    configs = t.sync_configs.c
    rows = t.destination_rows
    names = {sync.name, sync.known_as}
    for orphan, text in c.execute(sa.select(configs.sync, configs.place)).all():
        if orphan.partition(FORMER)[0] not in names or orphan in names or text is None:
            continue
        if places.from_json(text).differing(place):
            continue
        known = sa.select(rows.c.holding).where(rows.c.sync == sync.name)
        c.execute(sa.delete(rows).where(rows.c.sync == orphan, rows.c.holding.in_(known)))
        for table in (rows, t.intents):
            c.execute(sa.update(table).where(table.c.sync == orphan).values(sync=sync.name))
        c.execute(sa.delete(t.sync_configs).where(configs.sync == orphan))
    c.execute(sa.update(rows).where(rows.c.sync == sync.name).values(payload_hash=None))


def _forget_rows(c: sa.Connection, name: str) -> None:
    for table in (t.destination_rows, t.intents, t.dead_letters):
        c.execute(sa.delete(table).where(table.c.sync == name))
    state = t.sync_states
    c.execute(
        sa.update(state).where(state.c.sync == name).values(config_hash=None, fingerprint=None)
    )


# Between a sync's name and a number: the name of the rows that it left at a former place. No file
# can have it.
FORMER = ".former_"
