"""A model that performs worse than its back-test promised, by the outcomes of people it scored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runtime.alerts.evidence import Evidence, IncidentKind
from runtime.alerts.model import WARNING, AlertFinding

RELATION = "ml.performance"
_SCORED = "ml.score_runs"
# Of the version that gives the scores: what another one did is over with its last scoring. A
# scoring with too few people for a verdict does not close what the one before it found.
_SQL = f"""
with current_versions as (
    select model, arg_max(model_version, as_of) as model_version
    from lake.{_SCORED}
    group by model
),
judged as (
    select turned_out.*
    from lake.{RELATION} as turned_out
    inner join current_versions
        on
            turned_out.model = current_versions.model
            and turned_out.model_version = current_versions.model_version
    where turned_out.verdict <> 'not judged'
    qualify rank() over (partition by turned_out.model order by turned_out.as_of desc) = 1
)
select model, model_version, as_of, people, metric, realized, promised_low, promised_high
from judged
where verdict = 'worse'
order by model, metric
"""


def _find(evidence: Evidence) -> Iterator[AlertFinding]:
    scored = evidence.rows(_SCORED, f"select 1 from lake.{_SCORED} limit 1")
    rows = evidence.rows(RELATION, _SQL) if scored else []
    for model in sorted({row["model"] for row in rows}):
        worse = [row for row in rows if row["model"] == model]
        one = worse[0]
        yield AlertFinding(
            model,
            WARNING,
            f"the model '{model}' (version {one['model_version']}) performs worse than promised on"
            f" {one['people']:,} people scored at {one['as_of']:%Y-%m-%d}:"
            f" {'; '.join(map(_figure, worse))}",
            f"see `segmentry models performance {model}`, then train again with `segmentry models"
            f" train {model}`, or go back with `segmentry models rollback {model}`",
            "mlflow",
        )


def _figure(row: dict[str, Any]) -> str:
    return (
        f"{row['metric'].replace('_', ' ')} {row['realized']:.3f}, promised"
        f" {row['promised_low']:.3f} to {row['promised_high']:.3f}"
    )


KIND = IncidentKind("model worse than promised", _find)
