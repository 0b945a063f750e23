"""What a gate leaves in the lake: its results, the keys of failing rows, and what is published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from segmentry import releases, warehouse
from segmentry.settings import Settings

# Keys kept per failing expectation: enough to find the fault, few enough to read.
MOST_KEYS = 100

TABLES = {
    **releases.CHECK_TABLES,
    "observability.published": (
        "room varchar, snapshot_id bigint, as_of timestamp, published_at timestamp"
    ),
}


@dataclass(frozen=True)
class Failure:
    """One expectation that was not met. keys: names of failing rows, no personal values.

    severity: critical; absolute (critical, and no release covers it); released; warning.
    """

    relation: str
    expectation: str
    severity: str
    failing_rows: int
    keys: Sequence[str]


@dataclass(frozen=True)
class GateVerdict:
    """One gate's outcome at one snapshot of the lake."""

    gate: str
    as_of: datetime | None
    snapshot: int
    evaluated: int
    failures: Sequence[Failure]

    @property
    def critical(self) -> list[Failure]:
        """Failures that stop what is behind the gate."""
        return [f for f in self.failures if f.severity in {releases.CRITICAL, releases.ABSOLUTE}]

    @property
    def passed(self) -> bool:
        """Whether nothing critical failed."""
        return not self.critical


def ensure_tables(lake: duckdb.DuckDBPyConnection) -> None:
    """Create the gates' relations where they are missing."""
    for relation, columns in TABLES.items():
        if not warehouse.relation_exists(lake, relation):
            lake.execute(f"create table lake.{relation} ({columns})")


def write(settings: Settings, verdict: GateVerdict) -> None:
    """Write the verdict, and publish the room at its snapshot if it passed, in one transaction.

    A verdict on the same gate, as_of and snapshot replaces the one before it, so that a run after a
    kill adds nothing.
    """
    stamp = datetime.now(UTC).replace(tzinfo=None)
    with warehouse.connect(settings) as lake:
        ensure_tables(lake)
        lake.execute("begin")
        place = [verdict.gate, verdict.as_of, verdict.snapshot]
        for relation in ("gate_results", "gate_failures"):
            lake.execute(
                f"delete from lake.observability.{relation}"
                " where gate = ? and as_of is not distinct from ? and snapshot_id = ?",
                place,
            )
        unexpected = len(verdict.critical)
        warnings = len(verdict.failures) - len(verdict.critical)
        lake.execute(
            "insert into lake.observability.gate_results values (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                verdict.gate,
                verdict.as_of,
                verdict.passed,
                verdict.evaluated,
                unexpected,
                warnings,
                verdict.snapshot,
                stamp,
            ],
        )
        for failure in verdict.failures:
            _write_failure(lake, verdict, failure)
        if verdict.passed:
            lake.execute("delete from lake.observability.published where room = ?", [verdict.gate])
            lake.execute(
                "insert into lake.observability.published values (?, ?, ?, ?)",
                [verdict.gate, verdict.snapshot, verdict.as_of, stamp],
            )
        lake.execute("commit")


def _write_failure(lake: duckdb.DuckDBPyConnection, verdict: GateVerdict, failure: Failure) -> None:
    columns = (failure.relation, failure.expectation, failure.severity, failure.failing_rows)
    for key in [*failure.keys] or [""]:
        lake.execute(
            "insert into lake.observability.gate_failures values (?, ?, ?, ?, ?, ?, ?, ?)",
            [verdict.gate, verdict.as_of, *columns, key, verdict.snapshot],
        )
