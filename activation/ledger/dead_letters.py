"""Rows that were refused or do not fit: not tried again until they change or an operator retries.
Outcomes write them, plans leave them out, and ``segmentry sync retry`` forgets them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from activation.ledger import tables as t
from activation.ledger.database import Ledger, delete
from activation.model import RowOutcome, Status


def of(ledger: Ledger, sync: str) -> pa.Table:
    """Rows not to be tried again as they are."""
    d = t.dead_letters.c
    schema = pa.schema([("row_key", pa.string()), ("payload_hash", pa.string())])
    return ledger.read(sa.select(d.row_key, d.payload_hash).where(d.sync == sync), schema)


def forget(ledger: Ledger, sync: str) -> int:
    """Let every dead letter of a sync be tried again; return how many there were."""
    with ledger.begin() as c:
        return int(
            c.execute(sa.delete(t.dead_letters).where(t.dead_letters.c.sync == sync)).rowcount
        )


def record(
    ledger: Ledger,
    c: sa.Connection,
    sync: str,
    outcomes: Sequence[RowOutcome],
    settled: Sequence[str],
    stamp: datetime,
) -> None:
    """Add the rows that were refused or do not fit; settled: row_keys that are none any more."""
    dead = [o for o in outcomes if o.status is Status.invalid or o.status is Status.rejected]
    table = t.dead_letters
    earlier = {}
    if dead:
        keys = [o.row.row_key for o in dead]
        for start in range(
            0, len(keys), 500
        ):  # SQLite takes at most 32,766 parameters in one statement
            chosen = table.c.row_key.in_(keys[start : start + 500])
            found = c.execute(sa.select(table).where(table.c.sync == sync, chosen)).all()
            earlier.update({x.row_key: (x.attempts, x.first_at) for x in found})
    ledger.upsert(c, table, [_dead(sync, o, stamp, earlier.get(o.row.row_key)) for o in dead])
    if settled and c.execute(sa.select(sa.exists().where(table.c.sync == sync))).scalar_one():
        delete(c, table.c.row_key, sync, settled)


def _dead(
    sync: str, o: RowOutcome, stamp: datetime, earlier: tuple[int, datetime] | None
) -> dict[str, Any]:
    attempts, first = earlier or (0, stamp)
    return {
        "sync": sync,
        "row_key": o.row.row_key,
        "profile_id": o.row.profile_id,
        "operation": o.row.operation.value,
        "payload_hash": o.row.payload_hash,
        "status": o.status.value,
        "reason": o.reason,
        "attempts": attempts + 1,
        "first_at": first,
        "last_at": stamp,
    }
