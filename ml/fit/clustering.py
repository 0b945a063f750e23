"""Chooses how many groups there are and which algorithm finds them: bootstrap stability, whether
the groups are apart on people that a fit has not seen, and silhouette.

If there are groups already, continuing from their centres is a choice too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from ml.estimators import Clusterer, Matrix
from ml.fit import clusterers, separation
from ml.fit.clusterers import Groups
from ml.fit.separation import HIGHEST_VALLEY, LEAST_RECURRENCE, Way
from ml.policy import TrainingPolicy
from ml.spec import PersonaSpec

SILHOUETTE_SAMPLE = 1500
# Differences in silhouette between two samples of 1,500 people of the same groups.
SILHOUETTE_NOISE = 0.015
CONTINUED = "continued"


@dataclass(frozen=True)
class Start:
    """Groups that the rows are in already, and how often each row counts (more than once after a
    person's verdict).
    """

    groups: Groups
    weights: Matrix

    def centres(self, rows: Matrix) -> Matrix:
        """The middle of each group among these rows."""
        return np.array(
            [
                np.average(rows[self.groups == g], axis=0, weights=self.weights[self.groups == g])
                for g in self.numbers
            ]
        )

    @property
    def numbers(self) -> Groups:
        """The groups that are not empty."""
        return np.unique(self.groups)


@dataclass(frozen=True)
class Choice:
    """One algorithm with one number of groups, and how it did; recurrence and valley are those of
    ``separation.Refitted``. is_wanted: false if the number of groups is outside the spec's range;
    the choice is shown then, and never taken.
    """

    algorithm: str
    clusters: int
    model: Clusterer | None
    silhouette: float
    stability: float
    inertia: float
    bic: float
    recurrence: float = 0.0
    valley: float = 1.0
    is_wanted: bool = True

    @property
    def fitted(self) -> Clusterer:
        """The model, of a choice that is sound."""
        assert self.model is not None
        return self.model

    @property
    def is_sound(self) -> bool:
        """Whether it found at least two groups."""
        return self.model is not None and self.clusters >= 2

    @property
    def is_apart(self) -> bool:
        """Whether each group recurs, and fewer people are between any two than in their middles."""
        return self.recurrence >= LEAST_RECURRENCE and self.valley <= HIGHEST_VALLEY


def choices(
    spec: PersonaSpec, rows: Matrix, policy: TrainingPolicy, start: Start | None = None
) -> list[Choice]:
    """Continuing from the existing groups; every number with the spec's own algorithm; rivals at
    the best number.
    """
    low, high = spec.clusters
    numbers = range(low, min(high, len(rows) // 10) + 1)
    own = [_try("own", _own(spec, number, policy.seed), rows, policy) for number in numbers]
    best = best_of(own, policy)
    rivals = [
        _try(name, _rival(name, best.clusters, policy.seed), rows, policy) for name in spec.rivals
    ]
    # The density finds the number of its groups itself.
    rivals = [replace(c, is_wanted=low <= c.clusters <= high) for c in rivals]
    if start is None or len(start.numbers) < 2:
        return own + rivals
    return [_try(CONTINUED, _onwards(spec, rows, start, policy.seed), rows, policy), *own, *rivals]


def best_of(found: list[Choice], policy: TrainingPolicy) -> Choice:
    """The choice by the rule that ``reason`` states.

    Silhouette alone merges groups that are near each other next to groups that are far away, as it
    is largest for the few that are farthest apart. So the number is the largest whose groups are
    all apart on people that a fit has not seen; without any such number, it is the clearest.
    Choices with fewer groups and the spec's own algorithm come first, so a tie goes to them. Groups
    that people know already are replaced only by groups that are clearer by the policy's
    ``regroup_gain``.
    """
    stable = _stable(found, policy)
    clearest = max(c.silhouette for c in stable)
    known = [
        c
        for c in stable
        if c.algorithm == CONTINUED and c.silhouette >= clearest - policy.regroup_gain
    ]
    if known:
        return known[0]
    apart = [c for c in stable if c.is_apart]
    most = max((c.clusters for c in apart), default=0)
    pool = [c for c in apart if c.clusters == most] or stable
    return next(c for c in pool if _is_as_clear(c, pool))


def _stable(found: list[Choice], policy: TrainingPolicy) -> list[Choice]:
    """The stable choices, or the most stable one."""
    sound = [c for c in found if c.is_sound and c.is_wanted]
    return [c for c in sound if c.stability >= policy.min_stability] or [
        max(sound, key=lambda c: c.stability)
    ]


def _is_as_clear(one: Choice, pool: list[Choice]) -> bool:
    """As clear as the clearest of the pool, except for noise."""
    return one.silhouette >= max(c.silhouette for c in pool) - SILHOUETTE_NOISE


def reason(found: list[Choice], best: Choice, policy: TrainingPolicy) -> str:
    """Why that choice, in one sentence with the deciding figures."""
    stable = _stable(found, policy)
    if best.algorithm == CONTINUED:
        rival = max(stable, key=lambda c: c.silhouette)
        return (
            f"The {best.clusters} groups there are go on: their silhouette is"
            f" {best.silhouette:.3f}, and no other choice is clearer by more than"
            f" {policy.regroup_gain} (the clearest has {rival.silhouette:.3f})."
        )
    if best.is_apart and best in stable:
        more = [c for c in found if c.is_sound and c.is_wanted and c.clusters > best.clusters]
        why = _not_apart(min(more, key=lambda c: c.clusters), policy) if more else ""
        return (
            f"{best.clusters} is the largest number of groups that are all apart: each recurs in"
            f" refits (Jaccard {best.recurrence:.2f}, at least {LEAST_RECURRENCE}), and the density"
            f" between any two falls to {best.valley:.0%} of their peaks, at most"
            f" {HIGHEST_VALLEY:.0%}.{why}"
        )
    return (
        f"No number of groups is apart on people that a fit has not seen; {best.clusters} groups"
        f" have a silhouette of {best.silhouette:.3f}, within {SILHOUETTE_NOISE} of the clearest"
        " choice that is stable."
    )


def _not_apart(one: Choice, policy: TrainingPolicy) -> str:
    """Why a choice with more groups is not taken."""
    if one.recurrence < LEAST_RECURRENCE:
        why = f"one of them does not recur (Jaccard {one.recurrence:.2f})"
    elif one.valley > HIGHEST_VALLEY:
        why = f"the density between two of them stays at {one.valley:.0%} of their peaks"
    else:
        why = f"they are not stable ({one.stability:.2f}, at least {policy.min_stability})"
    return f" Of {one.clusters} groups, {why}."


def _own(spec: PersonaSpec, clusters: int, seed: int) -> Way:
    # A spec's own algorithm groups; its type is that of all estimators, as model files name it.
    return lambda rows, which, turn: cast(
        "Clusterer", spec.estimator(clusters, seed + turn).fit(rows[which])
    )


def _rival(name: str, clusters: int, seed: int) -> Way:
    return lambda rows, which, turn: clusterers.ALGORITHMS[name](rows[which], clusters, seed + turn)


def _onwards(spec: PersonaSpec, rows: Matrix, start: Start, seed: int) -> Way:
    """The spec's own algorithm from the existing centres; an algorithm that takes no centres finds
    nothing here.
    """
    from sklearn.base import clone

    estimator = spec.estimator(len(start.numbers), seed)
    centres = start.centres(rows)
    if "init" not in estimator.get_params():
        return lambda rows, which, turn: None
    estimator.set_params(init=centres, n_init=1)
    return lambda rows, which, turn: clone(estimator).fit(
        rows[which], sample_weight=start.weights[which]
    )


def _try(name: str, way: Way, rows: Matrix, policy: TrainingPolicy) -> Choice:
    model = way(rows, np.arange(len(rows)), 0)
    if model is None:
        return Choice(name, 0, None, float("nan"), 0.0, float("nan"), float("nan"))
    groups = np.asarray(model.predict(rows))
    count = len(np.unique(groups))
    if count < 2:
        return Choice(name, count, model, float("nan"), 0.0, float("nan"), float("nan"))
    again = separation.refit(way, rows, groups, policy)
    nearest = clusterers.distances(model, rows)[np.arange(len(rows)), groups]
    return Choice(
        name,
        count,
        model,
        silhouette(rows, groups, policy.seed),
        again.stability,
        float((nearest**2).sum()),
        _bic(rows, groups),
        again.recurrence,
        again.valley,
    )


def silhouette(rows: Matrix, groups: Groups, seed: int) -> float:
    """Mean silhouette on a sample: 1 is far apart, 0 is side by side."""
    from sklearn.metrics import silhouette_score

    if len(np.unique(groups)) < 2:
        return float("nan")
    sample = min(SILHOUETTE_SAMPLE, len(rows))
    return float(silhouette_score(rows, groups, sample_size=sample, random_state=seed))


def _bic(rows: Matrix, groups: Groups) -> float:
    """BIC of spherical Gaussians with one variance around the groups' means (Pelleg and Moore
    2000); less is better.
    """
    size, width = rows.shape
    values, counts = np.unique(groups, return_counts=True)
    within = sum(
        float(((rows[groups == g] - rows[groups == g].mean(axis=0)) ** 2).sum()) for g in values
    )
    variance = max(within / (width * max(size - len(values), 1)), 1e-12)
    likelihood = float((counts * np.log(counts / size)).sum())
    likelihood -= size * width / 2 * np.log(2 * np.pi * variance) + within / (2 * variance)
    free = len(values) * (width + 1)
    return float(free * np.log(size) - 2 * likelihood)
