"""Rows that a destination has, or may have.
Plans and withdrawals read them, outcomes and verify write them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from activation.ledger import tables as t
from activation.ledger.database import Ledger, delete
from activation.ledger.sql import Column
from activation.model import AllSent, Operation, Row, RowOutcome, Status
from activation.row_table import RowTable
from segmentry import row_profile

if TYPE_CHECKING:
    import pyarrow as pa

# In the order in which the values of a row are given.
COLUMNS = (
    "sync",
    "holding",
    "row_key",
    "profile_id",
    "identity",
    "destination_id",
    "payload_hash",
    "acknowledged_at",
    "identifiers",
)


def of(ledger: Ledger, sync: str) -> pa.Table:
    """Rows that the destination has, or may have.

    Each names its profile. A process of an older version may have written rows without one since
    this ledger was opened, and no opt-out may miss them.
    """
    c = t.destination_rows.c
    find = "instr" if ledger.engine.dialect.name == "sqlite" else "strpos"
    profile_id = sa.func.coalesce(c.profile_id, sa.literal_column(row_profile.of_key_sql(find)))
    columns = {
        "ledger_key": c.holding,
        "row_key": c.row_key,
        "profile_id": profile_id,
        "identity": c.identity,
        "destination_id": c.destination_id,
        "payload_hash": c.payload_hash,
        "identifiers": c.identifiers,
    }
    statement = sa.select(*columns.values()).where(c.sync == sync)
    # Imported where rows are exchanged: commands that only count start without.
    import pyarrow as pa

    return ledger.read(statement, pa.schema([(name, pa.string()) for name in columns]))


def count(ledger: Ledger, sync: str) -> int:
    """How many rows the destination has of a sync, or may have."""
    with ledger.begin() as c:
        mine = t.destination_rows.c.sync == sync
        found: int = c.execute(sa.select(sa.func.count()).where(mine)).scalar_one()
    return found


def mark_unconfirmed(ledger: Ledger, sync: str, ledger_keys: Sequence[str]) -> None:
    """Mark rows that the destination may not have, so that the next plan sends them again."""
    table = t.destination_rows
    statement = (
        sa.update(table)
        .where(table.c.sync == sync, table.c.holding == sa.bindparam("wanted"))
        .values(payload_hash=None)
    )
    with ledger.begin() as c:
        c.execute(statement, [{"wanted": key} for key in ledger_keys])


def record_unconfirmed(ledger: Ledger, sync: str, rows: Sequence[Row]) -> None:
    """Record rows that the destination may have: the next plan updates or removes them."""
    with ledger.begin() as c:
        ledger.write(c, t.destination_rows, COLUMNS, [_unconfirmed(sync, row) for row in rows])


def record(
    ledger: Ledger,
    connection: sa.Connection,
    sync: str,
    outcomes: Sequence[RowOutcome],
    stamp: Any,
    *,
    keeps_removed: bool,
) -> None:
    """Bring the rows to these outcomes."""
    if isinstance(outcomes, AllSent) and isinstance(outcomes.rows, RowTable):
        ledger.write_columns(
            connection, t.destination_rows, _sent_table(sync, outcomes.rows, stamp)
        )
        return
    present, removed = _present_and_removed(sync, outcomes, stamp, keeps_removed)
    ledger.write(connection, t.destination_rows, COLUMNS, present)
    delete(connection, t.destination_rows.c.holding, sync, removed)


def _sent_table(sync: str, rows: RowTable, stamp: Any) -> dict[str, Column]:
    ids = rows.destination_ids
    return {
        "sync": sync,
        "holding": rows.ledger_keys,
        "row_key": rows.row_keys,
        "profile_id": rows.profile_ids,
        "identity": rows.identities,
        "destination_id": ids if any(ids) else None,
        "payload_hash": rows.payload_hashes,
        "acknowledged_at": stamp if isinstance(stamp, str) else [stamp] * len(rows),
        "identifiers": None,
    }


def _present_and_removed(
    sync: str, outcomes: Sequence[RowOutcome], stamp: Any, keeps_removed: bool
) -> tuple[list[tuple[Any, ...]], list[str]]:
    """Rows to write, and the ledger keys of the rows that the destination no longer has."""
    present: list[tuple[Any, ...]] = []
    removed = []
    for o in outcomes:
        row = o.row
        status = o.status
        if status is Status.sent or status is Status.unknown:
            # A call that may have arrived and cannot be repeated counts like one that has arrived.
            if row.operation is not Operation.remove or keeps_removed:
                their_id = o.destination_id or row.destination_id
                present.append(
                    (
                        sync,
                        row.ledger_key,
                        row.row_key,
                        row.profile_id,
                        row.identity,
                        their_id,
                        row.payload_hash,
                        stamp,
                        row.identifiers,
                    )
                )
            else:
                removed.append(row.ledger_key)
        elif status is Status.retry:
            present.append(_unconfirmed(sync, row))
    return present, removed


def _unconfirmed(sync: str, row: Row) -> tuple[Any, ...]:
    """A row without a payload hash: the next plan updates or removes it."""
    named = (sync, row.ledger_key, row.row_key, row.profile_id, row.identity)
    return (*named, row.destination_id, None, None, row.identifiers)
