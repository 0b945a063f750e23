"""A gate whose newest check did not pass."""

from __future__ import annotations

from collections.abc import Iterator

from runtime.alerts.evidence import Evidence, IncidentKind
from runtime.alerts.model import CRITICAL, AlertFinding
from segmentry import releases

_SHOWN = 3
_STOPPED = f"""
with newest as (
    select gate, passed, snapshot_id from lake.{releases.RESULTS}
    qualify row_number() over (partition by gate order by checked_at desc) = 1
)
select gate, snapshot_id from newest where not passed order by gate
"""
_WHY = f"""
select gate, snapshot_id, relation, expectation, max(failing_rows) as failing_rows
from lake.{releases.FAILURES}
where severity in ('{releases.CRITICAL}', '{releases.ABSOLUTE}')
group by all
order by failing_rows desc, relation, expectation
"""


def _find(evidence: Evidence) -> Iterator[AlertFinding]:
    stopped = evidence.rows(releases.RESULTS, _STOPPED)
    why = evidence.rows(releases.FAILURES, _WHY) if stopped else []
    for row in stopped:
        place = (row["gate"], row["snapshot_id"])
        failed = [one for one in why if (one["gate"], one["snapshot_id"]) == place]
        shown = [
            f"{one['relation']}: {one['expectation']} ({one['failing_rows']:,} row(s))"
            for one in failed[:_SHOWN]
        ]
        more = f", and {len(failed) - _SHOWN} more" if len(failed) > _SHOWN else ""
        yield AlertFinding(
            row["gate"],
            CRITICAL,
            f"the gate '{row['gate']}' stopped the job on {len(failed)} expectation(s): "
            + ("; ".join(shown) + more or "see its results"),
            f"run `segmentry gates show {row['gate']}`, correct the data, and run"
            f" `segmentry run`; or release what you have looked at with `segmentry run"
            f" --release-gate {row['gate']} --reason TEXT`",
            "data_docs",
        )


KIND = IncidentKind("gate failed", _find)
