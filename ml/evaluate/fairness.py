"""How a model treats groups of people: size, true share, ranking, calibration and selection by age
band, gender, country and device. The trainers of probabilities write it on the card.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from ml.data.dataset import Part
from ml.evaluate import metrics
from ml.evaluate.evaluation import LEAST_GROUP, LEAST_GROUP_CLASS
from ml.evaluate.metrics import Interval, Labels, Vector
from ml.policy import TrainingPolicy

_LEVEL = 0.9  # of the intervals, as those of metrics


@dataclass(frozen=True)
class GroupFigures:
    """One group on the test part, with 90% intervals.

    auc: None with too few rows of either outcome. calibration_gap: the mean score less the true
    share. selected: by threshold name, the share of the group at or above it. remarks: what exceeds
    a limit of the policy.
    """

    trait: str
    group: str
    rows: int
    true_share: float
    auc: Interval | None
    calibration_gap: Interval
    selected: Mapping[str, Interval]
    remarks: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The group as ``trait=value``."""
        return f"{self.trait}={self.group}"


@dataclass(frozen=True)
class Audit:
    """The groups that are large enough to judge, and of each trait how many are not."""

    groups: tuple[GroupFigures, ...]
    thresholds: Mapping[str, float]
    too_small: Mapping[str, int] = field(default_factory=dict)

    @property
    def remarks(self) -> list[str]:
        """Every remark with its group."""
        return [f"{group.name} {text}" for group in self.groups for text in group.remarks]

    def as_json(self) -> dict[str, Any]:
        """What is logged to the run."""
        return asdict(self)


def audit(
    part: Part, scores: Vector, traits: pd.DataFrame, thresholds: Mapping[str, float],
    policy: TrainingPolicy,
) -> Audit:  # fmt: skip
    """Judge the scores of a part by group.

    traits: profile_id and one text column per trait. thresholds: by name, the score from which on a
    person is selected.
    """
    if not len(traits):
        return Audit((), dict(thresholds))
    known = part.keys[["profile_id"]].merge(traits, on="profile_id", how="left")
    found: list[GroupFigures] = []
    too_small: dict[str, int] = {}
    for trait in [str(name) for name in traits.columns if name != "profile_id"]:
        values = known[trait].to_numpy()
        names = sorted({str(v) for v in values if isinstance(v, str)})
        members = {name: np.flatnonzero(values == name) for name in names}
        large = {name: rows for name, rows in members.items() if rows.size >= LEAST_GROUP}
        too_small[trait] = len(members) - len(large)
        found += [
            _figures(trait, name, part.labels[rows], scores[rows], thresholds, policy)
            for name, rows in large.items()
        ]
    overall = metrics.roc_auc(part.labels, scores)
    return Audit(tuple(_judged(found, overall, policy)), dict(thresholds), too_small)


def _figures(
    trait: str, group: str, labels: Labels, scores: Vector, thresholds: Mapping[str, float],
    policy: TrainingPolicy,
) -> GroupFigures:  # fmt: skip
    samples = metrics.draws(labels.size, policy.resamples, policy.seed)
    rarer = min(labels.sum(), labels.size - labels.sum())
    return GroupFigures(
        trait,
        group,
        int(labels.size),
        float(labels.mean()),
        metrics.interval(metrics.roc_auc, labels, scores, samples)
        if rarer >= LEAST_GROUP_CLASS
        else None,
        metrics.interval(_calibration_gap, labels, scores, samples),
        {name: _selected(scores, threshold) for name, threshold in thresholds.items()},
    )


def _calibration_gap(labels: Labels, scores: Vector) -> float:
    return float(scores.mean() - labels.mean())


def _selected(scores: Vector, threshold: float) -> Interval:
    """The share at or above the threshold, with Wilson's interval (1927): a bootstrap of nobody is
    nobody, however few the rows.
    """
    # Half a second to import, which commands that print stored figures do not pay.
    from scipy.stats import binomtest

    count = int((scores >= threshold).sum())
    found = binomtest(count, int(scores.size)).proportion_ci(_LEVEL, method="wilson")
    return Interval(count / scores.size, float(found.low), float(found.high))


def _judged(
    groups: Iterable[GroupFigures], overall: float, policy: TrainingPolicy
) -> list[GroupFigures]:
    """The groups with their remarks: what exceeds a limit by more than chance would show."""
    groups = list(groups)
    judged = []
    for group in groups:
        remarks = []
        if group.auc and overall - group.auc.high > policy.max_group_gap:
            remarks.append(f"is ranked worse: AUC {group.auc}, of all {overall:.3f}")
        gap = group.calibration_gap
        if max(gap.low, -gap.high) > policy.max_group_calibration_gap:
            remarks.append(f"is scored {'too high' if gap.value > 0 else 'too low'} by {gap}")
        remarks += _selected_less(group, groups, policy)
        judged.append(replace(group, remarks=tuple(remarks)))
    return judged


def _selected_less(
    group: GroupFigures, groups: Iterable[GroupFigures], policy: TrainingPolicy
) -> list[str]:
    """Selection below a share of the most selected group of the trait. The least share is the
    four-fifths rule of the Uniform Guidelines on Employee Selection Procedures (1978, section 4 D).
    """
    remarks = []
    for name, share in group.selected.items():
        best = max(
            (other for other in groups if other.trait == group.trait),
            key=lambda other: other.selected[name].low,
        )
        most = best.selected[name]
        if share.high < policy.min_selection_ratio * most.low:
            remarks.append(
                f"is selected by {name} less: {share}, {best.group} {most} (true share"
                f" {group.true_share:.3f}, there {best.true_share:.3f})"
            )
    return remarks


def lines(found: Audit, policy: TrainingPolicy) -> list[str]:
    """The part of the card, as Markdown."""
    head = ["", "## Fairness"]
    if not found.groups:
        return [*head, "- no group is large enough to judge, or no traits are known", ""]
    names = list(found.thresholds)
    columns = [
        "trait", "group", "rows", "true share", "AUC", "mean score - true share",
        *(f"selected by {name} ({found.thresholds[name]:.2f})" for name in names),
    ]  # fmt: skip
    small = ", ".join(f"{trait} {count}" for trait, count in found.too_small.items() if count)
    return [
        *head,
        "Traits that the audit reads and the model does not learn from, unless they are features."
        " 90% intervals.",
        "",
        "| " + " | ".join(columns) + " |",
        "|---|---|" + "---:|" * (len(columns) - 2),
        *(
            f"| {g.trait} | {g.group} | {g.rows} | {g.true_share:.3f} | {g.auc or 'too few'} |"
            f" {g.calibration_gap} | " + " | ".join(str(g.selected[name]) for name in names) + " |"
            for g in found.groups
        ),
        "",
        f"Limits: AUC at most {policy.max_group_gap} below that of all, mean score within"
        f" {policy.max_group_calibration_gap} of the true share, selection at least"
        f" {policy.min_selection_ratio} of the most selected group's.",
        *([f"- {text}" for text in found.remarks] or ["- no group exceeds a limit"]),
        *([f"- groups with fewer than {LEAST_GROUP} rows, not judged: {small}"] if small else []),
        "",
    ]
