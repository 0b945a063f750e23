"""Releases of gates: failures that an operator has seen and lets through, with a reason that is
recorded.

A release covers the failing rows that the newest check named, by relation, expectation and key of
the row. A row that fails later is not covered. The releases are a table of the lake, so they apply
in every process that runs a gate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from segmentry import warehouse
from segmentry.errors import UsageError
from segmentry.operators import current_operator, stated_reason
from segmentry.settings import Settings

TABLE = "observability.gate_releases"
COLUMNS = (
    "gate varchar, relation varchar, expectation varchar, row_key varchar, reason varchar, "
    "released_by varchar, released_at timestamp, snapshot_id bigint"
)
RESULTS = "observability.gate_results"
FAILURES = "observability.gate_failures"
# The relations that every gate records its checks in.
CHECK_TABLES: Mapping[str, str] = {
    RESULTS: (
        "gate varchar, as_of timestamp, passed boolean, evaluated bigint, unexpected bigint, "
        "warnings bigint, snapshot_id bigint, checked_at timestamp"
    ),
    FAILURES: (
        "gate varchar, as_of timestamp, relation varchar, expectation varchar, "
        "severity varchar, failing_rows bigint, row_key varchar, snapshot_id bigint"
    ),
}
CRITICAL = "critical"
RELEASED = "released"
ABSOLUTE = "absolute"

# (relation, expectation)
Rule = tuple[str, str]


@dataclass(frozen=True)
class Release:
    """What one release covers: the key of one failing row, or of a failure of the whole
    relation.
    """

    gate: str
    relation: str
    expectation: str
    row_key: str


def ensure_tables(lake: duckdb.DuckDBPyConnection) -> None:
    """Create the relations of checks and releases where they are missing."""
    for relation, columns in {**CHECK_TABLES, TABLE: COLUMNS}.items():
        if not warehouse.relation_exists(lake, relation):
            lake.execute(f"create table if not exists lake.{relation} ({columns})")


def released_keys(lake: duckdb.DuckDBPyConnection, gate: str) -> dict[Rule, frozenset[str]]:
    """Keys that a release covers, by relation and expectation."""
    if not warehouse.relation_exists(lake, TABLE):
        return {}
    found: dict[Rule, set[str]] = {}
    sql = f"select relation, expectation, row_key from lake.{TABLE} where gate = ?"
    for relation, expectation, key in lake.execute(sql, [gate]).fetchall():
        found.setdefault((relation, expectation), set()).add(key)
    return {rule: frozenset(keys) for rule, keys in found.items()}


def record_stop(
    settings: Settings,
    gate: str,
    relation: str,
    expectation: str,
    row_key: str,
    as_of: datetime | None = None,
) -> None:
    """Record that a gate outside Great Expectations stopped on one failure, so that ``release``
    finds it.

    row_key names what was observed (`2026-11-03`, `orders b1`), so that a release covers this and
    nothing else. It is no personal value.
    """
    stamp = datetime.now(UTC).replace(tzinfo=None)
    with warehouse.connect(settings) as lake:
        ensure_tables(lake)
        snapshot = warehouse.current_snapshot(lake)
        lake.execute("begin")
        lake.execute(
            f"insert into lake.{RESULTS} values (?, ?, false, 1, 1, 0, ?, ?)",
            [gate, as_of, snapshot, stamp],
        )
        lake.execute(
            f"insert into lake.{FAILURES} values (?, ?, ?, ?, ?, 1, ?, ?)",
            [gate, as_of, relation, expectation, CRITICAL, row_key, snapshot],
        )
        lake.execute("commit")


def release(settings: Settings, gate: str, reason: str | None) -> list[Release]:
    """Record that what stopped the gate at its newest check is let through; returns what the
    release covers.

    Raises UsageError without a reason, for a gate whose newest check passed, and for failures that
    no release covers.
    """
    why = stated_reason(reason, f"the release of the gate '{gate}'")
    with warehouse.writing(settings), warehouse.connect(settings) as lake:
        ensure_tables(lake)
        snapshot = _stopped_at(lake, gate)
        found = _failures(lake, gate, snapshot)
        stamp = datetime.now(UTC).replace(tzinfo=None)
        rows = [
            [r.gate, r.relation, r.expectation, r.row_key, why, current_operator(), stamp, snapshot]
            for r in found
        ]
        lake.execute("begin")
        lake.executemany(f"insert into lake.{TABLE} values (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        lake.execute("commit")
    return found


def _stopped_at(lake: duckdb.DuckDBPyConnection, gate: str) -> int:
    """The snapshot of the gate's newest check, or UsageError unless it stopped."""
    sql = (
        f"select passed, snapshot_id from lake.{RESULTS} where gate = ? order by checked_at desc"
        " limit 1"
    )
    newest = lake.execute(sql, [gate]).fetchone()
    if newest is None:
        known = [
            row[0]
            for row in lake.execute(
                f"select distinct gate from lake.{RESULTS} order by 1"
            ).fetchall()
        ]
        raise UsageError(
            f"no check of a gate '{gate}' is recorded in this lake",
            allowed=", ".join(known) or "a gate that has stopped a run",
            remedy=(
                "run `segmentry run`; when a gate stops it, read the failures and release that gate"
            ),
        )
    if newest[0]:
        raise UsageError(
            f"the newest check of the gate '{gate}' passed",
            allowed="the release of failures that a check has found",
            remedy=(
                "run again without a release; a release never covers failures that are still to"
                " come"
            ),
        )
    return int(newest[1])


def _failures(lake: duckdb.DuckDBPyConnection, gate: str, snapshot: int) -> list[Release]:
    rows = lake.execute(
        f"select distinct relation, expectation, row_key, severity from lake.{FAILURES} "
        "where gate = ? and snapshot_id = ? and severity in (?, ?) order by 1, 2, 3",
        [gate, snapshot, CRITICAL, ABSOLUTE],
    ).fetchall()
    fixed = sorted({f"{row[0]}: {row[1]}" for row in rows if row[3] == ABSOLUTE})
    if fixed:
        raise UsageError(
            f"the gate '{gate}' stopped on what no release covers:\n  " + "\n  ".join(fixed),
            allowed="the release of failures that cannot reach a person who opted out",
            remedy=f"fix the data or the models; `segmentry gates show {gate}` names the rows",
        )
    return [Release(gate, relation, expectation, key) for relation, expectation, key, _ in rows]
