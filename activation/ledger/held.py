"""Rows that a destination is known, or feared, to hold.
Plans and withdrawals read them, outcomes and verify write them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from activation.ledger import tables as t
from activation.ledger.database import Ledger, delete
from activation.model import Operation, Row, RowOutcome, Status

# In the order in which the values of a row are given.
HELD = (
    "sync",
    "holding",
    "row_key",
    "profile_id",
    "identity",
    "destination_id",
    "payload_hash",
    "acknowledged_at",
)


def of(ledger: Ledger, sync: str) -> pa.Table:
    """Rows the destination is known, or feared, to hold."""
    h = t.held_rows.c
    names = ("holding", "row_key", "profile_id", "identity", "destination_id", "payload_hash")
    statement = sa.select(*(h[name] for name in names)).where(h.sync == sync)
    return ledger.read(statement, pa.schema([(name, pa.string()) for name in names]))


def mark_unconfirmed(ledger: Ledger, sync: str, holdings: Sequence[str]) -> None:
    """Count rows as perhaps not there, so that they are sent again."""
    h = t.held_rows
    statement = (
        sa.update(h)
        .where(h.c.sync == sync, h.c.holding == sa.bindparam("wanted"))
        .values(payload_hash=None)
    )
    with ledger.begin() as c:
        c.execute(statement, [{"wanted": holding} for holding in holdings])


def record_unconfirmed(ledger: Ledger, sync: str, rows: Sequence[Row]) -> None:
    """Count rows as perhaps there: whatever is wanted later, an update or a removal, is then
    planned.
    """
    with ledger.begin() as c:
        ledger.write(c, t.held_rows, HELD, [_unconfirmed(sync, row) for row in rows])


def record(
    ledger: Ledger,
    connection: sa.Connection,
    sync: str,
    outcomes: Sequence[RowOutcome],
    stamp: Any,
    *,
    keeps_removed: bool,
) -> None:
    """Bring the rows to what these outcomes say of them."""
    kept, gone = _held_and_gone(sync, outcomes, stamp, keeps_removed)
    ledger.write(connection, t.held_rows, HELD, kept)
    delete(connection, t.held_rows.c.holding, sync, gone)


def _held_and_gone(
    sync: str, outcomes: Sequence[RowOutcome], stamp: Any, keeps_removed: bool
) -> tuple[list[tuple[Any, ...]], list[str]]:
    """Rows of held_rows to be written, and holdings that are no longer there."""
    kept: list[tuple[Any, ...]] = []
    gone = []
    for o in outcomes:
        row = o.row
        status = o.status
        if status is Status.sent or status is Status.unknown:
            # What may have arrived and cannot be repeated counts as there, or as gone, like what
            # has arrived.
            if row.operation is not Operation.remove or keeps_removed:
                their_id = o.destination_id or row.destination_id
                kept.append(
                    (
                        sync,
                        row.holding,
                        row.row_key,
                        row.profile_id,
                        row.identity,
                        their_id,
                        row.payload_hash,
                        stamp,
                    )
                )
            else:
                gone.append(row.holding)
        elif status is Status.retry:
            kept.append(_unconfirmed(sync, row))
    return kept, gone


def _unconfirmed(sync: str, row: Row) -> tuple[Any, ...]:
    """Held with an unknown payload: whatever is wanted later, an update or a removal, is then
    planned again.
    """
    named = (sync, row.holding, row.row_key, row.profile_id, row.identity)
    return (*named, row.destination_id, None, None)
