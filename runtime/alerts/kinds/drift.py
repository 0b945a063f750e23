"""A champion whose population, score or outcomes have drifted more than the policy allows."""

from __future__ import annotations

from collections.abc import Iterator

from runtime.alerts.evidence import Evidence, IncidentKind
from runtime.alerts.model import WARNING, AlertFinding

RELATION = "observability.drift"
# Single features drift often and harm no score; the row of all features weighs them.
_SQL = f"""
with newest as (
    select * from lake.{RELATION}
    qualify rank() over (partition by model order by as_of desc) = 1
)
select model, feature, psi, ks from newest
where verdict = 'alarm' and feature like '(%)'
order by model, feature
"""
_MEASURES = {
    "(score)": "the score, PSI {psi:.2f}",
    "(features)": "features with {ks:.0%} of the importance",
    "(label)": "the share of true outcomes, by {ks:.1%}",
    "(calibration)": "the calibration error, by {ks:.1%}",
    "(persona)": "the sizes of the personas, PSI {psi:.2f}",
}


def _find(evidence: Evidence) -> Iterator[AlertFinding]:
    rows = evidence.rows(RELATION, _SQL)
    for model in sorted({row["model"] for row in rows}):
        moved = [
            _MEASURES.get(row["feature"], row["feature"]).format(**row)
            for row in rows
            if row["model"] == model
        ]
        yield AlertFinding(
            model,
            WARNING,
            f"the model '{model}' has drifted: {'; '.join(moved)}",
            f"see `segmentry models show {model}` for what changed, then train again with"
            f" `segmentry models train {model}`; the limits are `drift` in config/policies.yml",
            "mlflow",
        )


KIND = IncidentKind("drift", _find)
