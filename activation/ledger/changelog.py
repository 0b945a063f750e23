"""Every row that was ever tried, with its outcome; and what is counted from it.
Outcomes write it; frequency caps, request ids and returning people are read from it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from activation.ledger import tables as t
from activation.ledger.database import Ledger
from activation.ledger.sql import Column
from activation.model import AllSent, Operation, RowOutcome, Status, count_sent
from activation.row_table import RowTable

CHANGES = (
    "sync", "run_id", "row_key", "profile_id", "operation", "status", "reason", "request_id",
    "sent_at",
)  # fmt: skip
SENT = "sent_rows"  # the measure that counts what was ever acknowledged


def record(
    ledger: Ledger,
    connection: sa.Connection,
    sync: str,
    run_id: str,
    request_id: str | None,
    outcomes: Sequence[RowOutcome],
    stamp: Any,
) -> None:
    """Add these outcomes, and count those that were acknowledged."""
    if isinstance(outcomes, AllSent) and isinstance(outcomes.rows, RowTable):
        columns = _sent_table(sync, run_id, request_id, outcomes.rows, stamp)
        ledger.write_columns(connection, t.changes, columns)
    else:
        changes = [
            (
                sync,
                run_id,
                o.row.row_key,
                o.row.profile_id,
                o.row.operation._value_,
                o.status._value_,
                o.reason,
                request_id,
                stamp,
            )
            for o in outcomes
        ]
        ledger.write(connection, t.changes, CHANGES, changes)
    _count_sent(connection, sync, count_sent(outcomes))


def _sent_table(
    sync: str, run_id: str, request_id: str | None, rows: RowTable, stamp: Any
) -> dict[str, Column]:
    names = [operation._value_ for operation in rows.operations]
    return {
        "sync": sync,
        "run_id": run_id,
        "row_key": rows.row_keys,
        "profile_id": rows.profile_ids,
        "operation": names[0] if len(set(names)) == 1 else names,
        "status": Status.sent.value,
        "reason": "",
        "request_id": request_id,
        "sent_at": stamp if isinstance(stamp, str) else [stamp] * len(rows),
    }


def sent_count(ledger: Ledger, sync: str) -> int:
    """Rows ever acknowledged: a number that only an acknowledgement moves on."""
    m = t.sync_measures.c
    c = t.changes.c
    chosen = sa.select(m.value).where(m.sync == sync, m.name == SENT)
    with ledger.begin() as connection:
        if (counted := connection.execute(chosen).scalar_one_or_none()) is not None:
            return int(counted)
        sent = sa.select(sa.func.count()).where(c.sync == sync, c.status == Status.sent.value)
        found = int(connection.execute(sent).scalar_one())
        row = (sync, SENT, float(found))
        ledger.write(connection, t.sync_measures, ("sync", "name", "value"), [row])
        return found


def _count_sent(connection: sa.Connection, sync: str, sent: int) -> None:
    m = t.sync_measures
    if sent:
        counted = (
            sa.update(m).where(m.c.sync == sync, m.c.name == SENT).values(value=m.c.value + sent)
        )
        connection.execute(counted)


def once_removed(ledger: Ledger, sync: str) -> set[str]:
    """Keys of the rows that were ever removed."""
    c = t.changes.c
    removed = c.sync == sync, c.operation == Operation.remove.value, c.status == Status.sent.value
    with ledger.begin() as connection:
        return set(connection.execute(sa.select(c.row_key).where(*removed).distinct()).scalars())


def sent_since(ledger: Ledger, sync: str, since: datetime) -> dict[str, int]:
    """How many rows of each profile were sent, or may have been, since then, without removals."""
    c = t.changes.c
    counted = Counter[str]()
    arrived = c.status.in_([Status.sent.value, Status.unknown.value])
    chosen = c.sync == sync, c.sent_at >= since, arrived, c.operation != Operation.remove.value
    with ledger.begin() as connection:
        for (profile_id,) in connection.execute(sa.select(c.profile_id).where(*chosen)):
            counted[profile_id] += 1
    return dict(counted)
