"""The queue of deletions: what each destination was asked for, and its receipt. No identifier is in
it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from activation.ledger import tables as t
from activation.ledger.database import Ledger, now


class DeletionStatus(StrEnum):
    """queued: not asked for yet. refused: asked for and not taken; it is asked for again.
    requested: taken, its end is not proved. confirmed: proved by read-back, the end of the tool's
    job, its answer where it cannot be read, or an operator's receipt.
    """

    queued = "queued"
    refused = "refused"
    requested = "requested"
    confirmed = "confirmed"


def queue(ledger: Ledger, erasure: str, entries: Iterable[Mapping[str, str]]) -> int:
    """Add deletions that are not in the queue yet: deletion_id, sync, destination, person. Returns
    how many of the erasure there are.
    """
    table = t.deletions
    mine = table.c.erasure == erasure
    with ledger.begin() as c:
        known = set(c.execute(sa.select(table.c.deletion_id).where(mine)).scalars())
        fresh = {one["deletion_id"]: one for one in entries if one["deletion_id"] not in known}
        at = now()
        rows = [
            {**one, "erasure": erasure, "status": DeletionStatus.queued.value, "queued_at": at}
            for one in fresh.values()
        ]
        if rows:
            c.execute(sa.insert(table), rows)
    return len(known) + len(rows)


def of(ledger: Ledger, erasure: str) -> list[dict[str, Any]]:
    """The deletions of an erasure."""
    table = t.deletions
    statement = sa.select(table).where(table.c.erasure == erasure)
    with ledger.begin() as c:
        rows = c.execute(statement.order_by(table.c.sync, table.c.deletion_id)).mappings().all()
    return [dict(row) for row in rows]


def record(
    ledger: Ledger,
    ids: Sequence[str],
    status: DeletionStatus,
    receipt: str | None = None,
    job: str | None = None,
) -> None:
    """Bring deletions to a status; receipt, job: None to leave what is known."""
    if not ids:
        return
    table = t.deletions
    at: datetime = now()
    values: dict[str, Any] = {"status": status.value}
    values |= {} if receipt is None else {"receipt": receipt}
    values |= {} if job is None else {"job": job}
    if status in (DeletionStatus.requested, DeletionStatus.refused):
        values["attempts"] = table.c.attempts + 1
    if status is DeletionStatus.requested:
        values["requested_at"] = at
    if status is DeletionStatus.confirmed:
        values["confirmed_at"] = at
    statement = (
        sa.update(table).where(table.c.deletion_id == sa.bindparam("wanted")).values(**values)
    )
    with ledger.begin() as c:
        c.execute(statement, [{"wanted": one} for one in ids])


def drop(ledger: Ledger, erasure: str) -> None:
    """Forget the queue of an erasure that was cancelled."""
    with ledger.begin() as c:
        c.execute(sa.delete(t.deletions).where(t.deletions.c.erasure == erasure))
