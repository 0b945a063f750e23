"""Reads the numbers, part by part. Each part is one place; one that cannot be read stops no
other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from activation.ledger import runs
from activation.ledger import tables as ledger_tables
from privacy import open_requests, record
from runtime.alerts import history
from runtime.alerts.evidence import Evidence
from segmentry.jobs import DONE

# A metric's name, the values of its labels, and its value.
Sample = tuple[str, tuple[str, ...], float]
_OUTCOMES = (
    "sent_add", "sent_update", "sent_remove", "invalid", "rejected", "retry", "blocked",
)  # fmt: skip


def _clock(evidence: Evidence) -> Iterator[Sample]:
    relation = "observability.clock"
    for row in evidence.rows(relation, f"select max(as_of) as as_of from lake.{relation}"):
        if row["as_of"] is not None:
            yield "segmentry_as_of_timestamp_seconds", (), _epoch(row["as_of"])
    relation = "profiles.profiles"
    for row in evidence.rows(relation, f"select count(*) as people from lake.{relation}"):
        yield "segmentry_profiles", (), row["people"]


def _sources(evidence: Evidence) -> Iterator[Sample]:
    relation = "observability.source_freshness"
    for row in evidence.rows(relation, f"select * from lake.{relation} order by source"):
        source = row["source"]
        for outcome in ("accepted", "quarantined", "duplicates"):
            yield "segmentry_source_records", (source, outcome), row[outcome]
        if row["hours_behind"] is not None:
            yield "segmentry_source_behind_hours", (source,), row["hours_behind"]
        if row["last_landed_at"] is not None:
            at = _epoch(row["last_landed_at"])
            yield "segmentry_source_landed_timestamp_seconds", (source,), at


def _gates(evidence: Evidence) -> Iterator[Sample]:
    relation = "observability.gate_results"
    sql = f"""
    select gate, passed from lake.{relation}
    qualify row_number() over (partition by gate order by checked_at desc) = 1 order by gate
    """
    for row in evidence.rows(relation, sql):
        yield "segmentry_gate_passed", (row["gate"],), float(row["passed"])


def _segments(evidence: Evidence) -> Iterator[Sample]:
    relation = "observability.segment_sizes"
    sql = f"""
    select segment, people from lake.{relation}
    where as_of = (select max(as_of) from lake.{relation})
    order by people desc, segment
    """
    for row in evidence.rows(relation, sql):
        yield "segmentry_segment_people", (row["segment"],), row["people"]


def _drift(evidence: Evidence) -> Iterator[Sample]:
    relation = "observability.drift"
    # Rows in brackets are measures of a model; the others are its features, hundreds of them.
    sql = f"""
    select model, trim(feature, '()') as measure, psi, verdict from lake.{relation}
    where feature like '(%)'
    qualify rank() over (partition by model order by as_of desc) = 1
    order by model, measure
    """
    for row in evidence.rows(relation, sql):
        place = (row["model"], row["measure"])
        yield "segmentry_drift_psi", place, row["psi"]
        yield "segmentry_drift_alarm", place, float(row["verdict"] == "alarm")


def _syncs(evidence: Evidence) -> Iterator[Sample]:
    for run in runs.last_runs(evidence.ledger) if evidence.ledger is not None else []:
        sync = run["sync"]
        for outcome in _OUTCOMES:
            yield "segmentry_sync_rows", (sync, outcome.removeprefix("sent_")), run[outcome]
        if run["finished_at"] is not None:
            is_ok = run["status"] not in {"failed", "stopped", "killed"}
            yield "segmentry_sync_ok", (sync,), float(is_ok)
            seconds = (run["finished_at"] - run["started_at"]).total_seconds()
            yield "segmentry_sync_run_seconds", (sync,), seconds
    d = ledger_tables.dead_letters.c
    counted = sa.select(d.sync, sa.func.count().label("waiting")).group_by(d.sync)
    for row in evidence.ledger_rows(counted.order_by(d.sync)):
        yield "segmentry_dead_letters", (row["sync"],), row["waiting"]


def _stages(evidence: Evidence) -> Iterator[Sample]:
    for row in history.newest(evidence.store):
        place = (row["stage"], row["item"])
        yield "segmentry_stage_ok", place, float(row["state"] == DONE)
        yield "segmentry_stage_seconds", place, row["seconds"]
        yield "segmentry_stage_rows", place, row["rows"]
        finished = _epoch(row["finished_at"])
        yield "segmentry_stage_finished_timestamp_seconds", place, finished


def _incidents(evidence: Evidence) -> Iterator[Sample]:
    found = Counter((one.kind, one.severity) for one in evidence.store.incidents())
    for place, count in sorted(found.items()):
        yield "segmentry_incidents", place, count


def _erasures(evidence: Evidence) -> Iterator[Sample]:
    found = Counter(open_requests.state(one) for one in record.opened(evidence.settings))
    for state in (open_requests.OPEN, open_requests.WAITING, open_requests.OVERDUE):
        yield "segmentry_erasures", (state,), found[state]


PARTS: Mapping[str, Callable[[Evidence], Iterator[Sample]]] = {
    "clock": _clock,
    "sources": _sources,
    "gates": _gates,
    "segments": _segments,
    "drift": _drift,
    "syncs": _syncs,
    "stages": _stages,
    "incidents": _incidents,
    "erasures": _erasures,
}


def _epoch(at: Any) -> float:
    stamp: datetime = at
    return stamp.replace(tzinfo=UTC).timestamp()
