"""Rows that were refused, which are tried again ever later, or that do not fit, until they change.
Outcomes write them, plans leave out those that wait, and ``segmentry sync retry`` forgets them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from activation.ledger import tables as t
from activation.ledger.database import Ledger, delete, now
from activation.model import AllSent, RowOutcome, Status
from activation.row_table import row_keys

if TYPE_CHECKING:
    import pyarrow as pa

# The next run tries a refused row again at once, as the fault may have been the tool's; after that
# the wait doubles with each refusal.
FIRST_WAIT = timedelta(hours=1)
LONGEST_WAIT = timedelta(days=7)


def of(ledger: Ledger, sync: str) -> pa.Table:
    """Rows not to be tried again now, as they are."""
    d = t.dead_letters.c
    # Imported where rows are exchanged: commands that only count start without.
    import pyarrow as pa

    schema = pa.schema([("row_key", pa.string()), ("payload_hash", pa.string())])
    waiting = sa.or_(d.status != Status.rejected.value, *_waits(now()))
    return ledger.read(sa.select(d.row_key, d.payload_hash).where(d.sync == sync, waiting), schema)


def _waits(at: datetime) -> list[sa.ColumnElement[bool]]:
    """Conditions of the rows that wait: one for each number of refusals, and one for all above."""
    d = t.dead_letters.c
    wait = FIRST_WAIT
    attempts = 2
    conditions = []
    while wait < LONGEST_WAIT:
        conditions.append(sa.and_(d.attempts == attempts, d.last_at > at - wait))
        wait = wait * 2
        attempts += 1
    return [*conditions, sa.and_(d.attempts >= attempts, d.last_at > at - LONGEST_WAIT)]


def may_return(ledger: Ledger, sync: str) -> bool:
    """Whether a refused row will be tried again, now or later."""
    d = t.dead_letters.c
    found = sa.exists().where(d.sync == sync, d.status == Status.rejected.value)
    with ledger.engine.connect() as c:
        return bool(c.execute(sa.select(found)).scalar_one())


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
    stamp: datetime,
) -> None:
    """Add the rows that were refused or do not fit; delete those that arrived, or may have."""
    table = t.dead_letters
    _add(ledger, c, sync, outcomes, stamp)
    if c.execute(sa.select(sa.exists().where(table.c.sync == sync))).scalar_one():
        delete(c, table.c.row_key, sync, _settled(outcomes))


def _settled(outcomes: Sequence[RowOutcome]) -> list[str]:
    if isinstance(outcomes, AllSent):
        return row_keys(outcomes.rows)
    return [
        o.row.row_key for o in outcomes if o.status is Status.sent or o.status is Status.unknown
    ]


def _add(
    ledger: Ledger,
    c: sa.Connection,
    sync: str,
    outcomes: Sequence[RowOutcome],
    stamp: datetime,
) -> None:
    if isinstance(outcomes, AllSent):
        return
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
