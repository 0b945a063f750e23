"""Rows that two syncs have at one place, as when two files name one list.
Senders ask here before they remove a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import sqlalchemy as sa

from activation import places
from activation.ledger import tables as t
from activation.ledger.database import Ledger, now
from activation.places import WrittenPlace

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK = 500  # bound values of one statement; SQLite takes some thousands


@dataclass(frozen=True)
class Others:
    """Names of the other syncs at a place. same: a row of the same key is the same row there.
    alike: they name people by another key, so that the
    profile has to be the same.
    """

    same: tuple[str, ...] = ()
    alike: tuple[str, ...] = ()


def others(ledger: Ledger, sync: str, place: WrittenPlace) -> Others:
    """The other syncs whose rows are at the place; those that remove people are none of them."""
    configs = t.sync_configs.c
    chosen = sa.select(configs.sync, configs.place).where(configs.sync != sync)
    with ledger.begin() as c:
        found = c.execute(chosen.where(configs.place.is_not(None)).order_by(configs.sync)).all()
    same = []
    alike = []
    for name, text in found:
        differing = set(place.differing(places.from_json(text)))
        if not differing:
            same.append(name)
        elif differing <= places.NAMING_PEOPLE:
            alike.append(name)
    return Others(tuple(same), tuple(alike))


def keys_of(ledger: Ledger, names: Sequence[str]) -> pa.Table:
    """The ledger keys of the rows that these syncs have, in the column ``value``."""
    # Imported where rows are exchanged: commands that only count start without.
    import pyarrow as pa

    rows = t.destination_rows.c
    statement = sa.select(rows.holding.label("value")).where(rows.sync.in_(names))
    return ledger.read(statement, pa.schema([("value", pa.string())]))


def forget(
    ledger: Ledger, sync: str, run_id: str, names: Sequence[str], ledger_keys: Iterable[str]
) -> int:
    """Forget the rows that one of the other syncs has there too; return how many.

    The rows of the others are locked meanwhile: where two syncs forget a row at once, one of them
    goes on knowing it.
    """
    rows = t.destination_rows
    forgotten = 0
    for keys in _chunks(ledger_keys):
        with ledger.begin() as c:
            _write_lock(c, sync)
            shared = sa.select(rows.c.holding).where(
                rows.c.sync.in_(names), rows.c.holding.in_(keys)
            )
            kept = set(c.execute(shared.with_for_update()).scalars())
            mine = sa.select(rows.c.holding, rows.c.row_key, rows.c.profile_id).where(
                rows.c.sync == sync, rows.c.holding.in_(kept)
            )
            removed = c.execute(mine).all()
            c.execute(sa.delete(rows).where(rows.c.sync == sync, rows.c.holding.in_(kept)))
            if removed:
                c.execute(sa.insert(t.changes), [_change(sync, run_id, x) for x in removed])
            forgotten += len(removed)
    return forgotten


def _write_lock(c: sa.Connection, sync: str) -> None:
    """Begin to write before anything is read, so that SQLite lets no other process between."""
    table = t.sync_states
    c.execute(sa.update(table).where(table.c.sync == sync).values(fingerprint=None))


def _change(sync: str, run_id: str, row: sa.Row[tuple[str, str, str]]) -> dict[str, object]:
    return {
        "sync": sync, "run_id": run_id, "row_key": row.row_key, "profile_id": row.profile_id,
        "operation": "remove", "status": "sent", "reason": KEPT, "request_id": None,
        "sent_at": now(),
    }  # fmt: skip


def expect_again(
    ledger: Ledger, others: Others, ledger_keys: Iterable[str], profile_ids: Iterable[str]
) -> None:
    """Mark rows of the others as unconfirmed before this sync removes them: their next runs send
    them again, or remove them as well.
    """
    table = t.destination_rows
    named = [
        (others.same, table.c.holding, ledger_keys),
        (others.alike, table.c.profile_id, profile_ids),
    ]
    for names, column, values in named:
        for chunk in _chunks(values if names else ()):
            chosen = table.c.sync.in_(names), column.in_(chunk)
            with ledger.begin() as c:
                marked = c.execute(sa.update(table).where(*chosen).values(payload_hash=None))
                if marked.rowcount:
                    state = t.sync_states
                    c.execute(
                        sa.update(state).where(state.c.sync.in_(names)).values(fingerprint=None)
                    )


def _chunks(values: Iterable[str]) -> Iterator[list[str]]:
    remaining = iter(values)
    while chunk := list(islice(remaining, CHUNK)):
        yield chunk


KEPT = "another sync has the row at the same place"
