"""Judges a fitted model on a part it never saw: metrics with intervals, by group, against the plain
heuristic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ml.data.dataset import Part
from ml.estimators import Model
from ml.evaluate import metrics
from ml.evaluate.metrics import Interval, Labels, Vector
from ml.policy import TrainingPolicy
from ml.spec import ModelSpec

MEASURES: Mapping[str, Callable[[Labels, Vector], float]] = {
    "roc_auc": metrics.roc_auc,
    "pr_auc": metrics.average_precision,
    "brier": metrics.brier,
    "log_loss": metrics.log_loss,
    "ece": metrics.calibration_error,
    "lift_top_decile": metrics.lift,
    "predicted_over_happened": metrics.predicted_over_happened,
}
# Groups with fewer rows, or fewer of either outcome, are too small to judge a model by.
LEAST_GROUP = 60
LEAST_GROUP_CLASS = 15


@dataclass(frozen=True)
class Evaluation:
    """What a model showed on a part: metrics with intervals, the chosen threshold, AUC by group."""

    metrics: dict[str, Interval]
    threshold: float
    at_threshold: dict[str, float]
    by_group: dict[str, float]
    scores: Vector

    def flat(self, prefix: str) -> dict[str, float]:
        """Every figure under ``<prefix>_<name>``, as MLflow wants them."""
        found = {f"{prefix}_{name}": i.value for name, i in self.metrics.items()}
        found |= {f"{prefix}_{name}_low": i.low for name, i in self.metrics.items()}
        found |= {f"{prefix}_{name}_high": i.high for name, i in self.metrics.items()}
        return found | {f"{prefix}_{name}": value for name, value in self.at_threshold.items()}


def probabilities(model: Model, part: Part) -> Vector:
    """The model's probability of a true label per row."""
    scores: Vector = np.asarray(model.predict_proba(part.features)[:, 1], dtype=np.float64)
    return scores


def evaluate(
    spec: ModelSpec, part: Part, scores: Vector, threshold: float, policy: TrainingPolicy
) -> Evaluation:
    """All metrics of these scores on the part."""
    samples = metrics.draws(len(part), policy.resamples, policy.seed)
    found = {
        name: metrics.interval(measure, part.labels, scores, samples)
        for name, measure in MEASURES.items()
    }
    at_threshold = {
        "f1": metrics.f1(part.labels, scores, threshold),
        "cost_per_person": metrics.cost_per_person(part.labels, scores, threshold, spec.costs),
        "cost_of_nothing": spec.costs.missed * float(part.labels.mean()),
        "threshold": threshold,
    }
    return Evaluation(found, threshold, at_threshold, by_group(spec.groups, part, scores), scores)


def by_group(groups: Sequence[str], part: Part, scores: Vector) -> dict[str, float]:
    """AUC within each sizeable value of the group columns, as ``column=value``."""
    found: dict[str, float] = {}
    for column in (c for c in groups if c in part.features):
        for value in sorted(part.features[column].dropna().unique(), key=str):
            rows = (part.features[column] == value).to_numpy()
            if rows.sum() >= LEAST_GROUP and _has_both(part.labels[rows]):
                found[f"{column}={value}"] = metrics.roc_auc(part.labels[rows], scores[rows])
    return found


def _has_both(labels: Labels) -> bool:
    return bool(min(labels.sum(), labels.size - labels.sum()) >= LEAST_GROUP_CLASS)
