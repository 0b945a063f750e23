"""A sync that a guardrail stopped, until an operator releases it or its plan is within its
limits.
"""

from __future__ import annotations

from collections.abc import Iterator

from activation.ledger import runs
from runtime.alerts.evidence import Evidence, IncidentKind
from runtime.alerts.model import CRITICAL, AlertFinding


def _find(evidence: Evidence) -> Iterator[AlertFinding]:
    reviews = runs.open_reviews(evidence.ledger) if evidence.ledger is not None else []
    for sync in sorted({review["sync"] for review in reviews}):
        mine = [review for review in reviews if review["sync"] == sync]
        details = "; ".join(f"{review['guardrail']}: {review['detail']}" for review in mine)
        words = ",".join(review["release"] for review in mine)
        yield AlertFinding(
            sync,
            CRITICAL,
            f"the sync '{sync}' is stopped by {len(mine)} guardrail(s): {details}",
            f"look at `segmentry sync plan --select {sync}`; if it is right, run `segmentry sync"
            f" apply --select {sync} --release {words}`",
        )


KIND = IncidentKind("sync blocked", _find)
