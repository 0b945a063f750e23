"""An erasure that is open past its deadline."""

from __future__ import annotations

from collections.abc import Iterator

from privacy import open_requests, record
from runtime.alerts.evidence import Evidence, IncidentKind
from runtime.alerts.model import CRITICAL, AlertFinding


def _find(evidence: Evidence) -> Iterator[AlertFinding]:
    for erasure in record.opened(evidence.settings):
        if open_requests.state(erasure) != open_requests.OVERDUE:
            continue
        yield AlertFinding(
            erasure.name,
            CRITICAL,
            f"the erasure '{erasure.name}' of {erasure.people:,} request(s) was due at"
            f" {erasure.due_at} and is open",
            "see what is left with `segmentry privacy status`; confirm what a destination has"
            " deleted with `segmentry privacy confirm`",
        )


KIND = IncidentKind("erasure overdue", _find)
