"""Relations of the ledger as they are published to the lake: no identity, no payload leaves it.
``activation.published`` writes them there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from activation.ledger import tables as t
from activation.ledger.database import Ledger

if TYPE_CHECKING:
    import pyarrow as pa

Export = tuple[Callable[[int], "sa.Select[Any]"], sa.Table, tuple[str, ...]]

_RUNS = (
    "run_id", "sync", "status", "as_of", "lake_snapshot", "planned_add", "planned_update",
    "planned_remove",
    "sent_add", "sent_update", "sent_remove", "invalid", "rejected", "retry", "blocked", "requests",
    "started_at", "finished_at", "note",
)  # fmt: skip
_CHANGES = (
    "change_id",
    "sync",
    "run_id",
    "row_key",
    "operation",
    "status",
    "reason",
    "request_id",
    "sent_at",
    "profile_id",
)
_DEAD = (
    "sync", "row_key", "operation", "status", "reason", "attempts", "first_at", "last_at",
    "profile_id",
)  # fmt: skip
_REVIEWS = ("sync", "run_id", "guardrail", "detail", "release", "state", "raised_at")
_SNAPSHOT = ("sync", "row_key", "payload_hash", "acknowledged_at", "profile_id")


def _schema(table: sa.Table, names: tuple[str, ...]) -> pa.Schema:
    # Imported where rows are exchanged: commands that only count start without.
    import pyarrow as pa

    types: dict[type[Any], pa.DataType] = {
        sa.String: pa.string(),
        sa.DateTime: pa.timestamp("us"),
        sa.BigInteger: pa.int64(),
        sa.Integer: pa.int64(),
        sa.Float: pa.float64(),
    }
    return pa.schema([(name, types[type(table.c[name].type)]) for name in names])


def _columns(table: sa.Table, names: tuple[str, ...]) -> list[sa.Column[Any]]:
    return [table.c[name] for name in names]


def _all(table: sa.Table, names: tuple[str, ...]) -> Export:
    return (lambda _: sa.select(*_columns(table, names))), table, names


def _changes_after(after: int) -> sa.Select[Any]:
    return (
        sa.select(*_columns(t.changes, _CHANGES))
        .where(t.changes.c.change_id > after)
        .order_by(t.changes.c.change_id)
    )


EXPORTS: dict[str, Export] = {
    "sync_runs": _all(t.sync_runs, _RUNS),
    "sync_snapshot": _all(t.destination_rows, _SNAPSHOT),
    "dead_letters": _all(t.dead_letters, _DEAD),
    "reviews": _all(t.reviews, _REVIEWS),
    "sync_changelog": (_changes_after, t.changes, _CHANGES),
}


def read(ledger: Ledger, name: str, after: int = 0) -> pa.Table:
    """A relation as it is published to the lake; after: of changes, the last that is there."""
    statement, table, names = EXPORTS[name]
    return ledger.read(statement(after), _schema(table, names))
