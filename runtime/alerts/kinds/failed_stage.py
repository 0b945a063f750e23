"""A stage whose newest run failed; what a gate or a guardrail stopped is of another kind."""

from __future__ import annotations

from collections.abc import Iterator

from runtime.alerts import history
from runtime.alerts.evidence import Evidence, IncidentKind
from runtime.alerts.model import CRITICAL, AlertFinding
from segmentry.jobs import FAILED


def _find(evidence: Evidence) -> Iterator[AlertFinding]:
    for row in history.newest(evidence.store):
        if row["state"] != FAILED:
            continue
        item = f"[{row['item']}]" if row["item"] else ""
        is_job = row["stage"] == history.JOB
        name = "the job" if is_job else f"the stage {row['stage']}{item}"
        again = "segmentry run" if is_job else f"segmentry run --select {row['stage']}+"
        yield AlertFinding(
            f"{row['stage']}{item}",
            CRITICAL,
            f"{name} failed at {row['finished_at']:%Y-%m-%d %H:%M} UTC: {row['error']}",
            "read the newest file in the home's logs/runs, or the task's log; correct the cause,"
            f" and go on with `{again}`",
        )


KIND = IncidentKind("job failed", _find)
