"""A stage that took much longer than its last runs did; runs that had nothing to do do not
count.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from statistics import median

from runtime.alerts import history
from runtime.alerts.evidence import Evidence, IncidentKind
from runtime.alerts.model import WARNING, AlertFinding

# Runs that the newest one is compared with, at most.
COMPARED = 20


def _find(evidence: Evidence) -> Iterator[AlertFinding]:
    limits = evidence.limits
    rows = history.lately(evidence.store, COMPARED + 1)
    rows.sort(key=lambda row: (row["job_kind"], row["stage"], row["item"], row["place"]))
    for (kind, stage, item), group in groupby(
        rows, key=lambda row: (row["job_kind"], row["stage"], row["item"])
    ):
        newest, *before = [row["seconds"] for row in group]
        if len(before) < limits.slow_runs:
            continue
        usual = median(before)
        if newest <= max(usual * limits.slow_factor, usual + limits.slow_seconds):
            continue
        name = "job" if stage == history.JOB else f"stage {stage}{f'[{item}]' if item else ''}"
        yield AlertFinding(
            f"{kind} {name}",
            WARNING,
            f"the {name} took {newest:,.0f} s; the median of its last {len(before)} runs is"
            f" {usual:,.0f} s",
            "see in the log of the task how far it was at what time, and whether records, disk or"
            " other programs of the machine have grown; the limits are `slow_factor` and"
            " `slow_seconds` in config/alerts.yml",
        )


KIND = IncidentKind("slower than usual", _find)
