"""Chooses how many groups there are and which algorithm finds them: silhouette, BIC and bootstrap
stability.

If there are groups already, continuing from their centres is a choice too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np

from ml.estimators import Clusterer, Matrix
from ml.fit import clusterers
from ml.fit.clusterers import Groups
from ml.policy import TrainingPolicy
from ml.spec import PersonaSpec

SILHOUETTE_SAMPLE = 1500
# Differences in silhouette between two samples of 1,500 people of the same groups.
SILHOUETTE_NOISE = 0.015
CONTINUED = "continued"
# bootstrap refits per choice; their mean agreement has a spread of about 0.02 on clear groups
RESAMPLES = 4


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
    """One algorithm with one number of groups, and how it did."""

    algorithm: str
    clusters: int
    model: Clusterer | None
    silhouette: float
    stability: float
    inertia: float
    bic: float

    @property
    def fitted(self) -> Clusterer:
        """The model, of a choice that is sound."""
        assert self.model is not None
        return self.model

    @property
    def is_sound(self) -> bool:
        """Whether it found at least two groups."""
        return self.model is not None and self.clusters >= 2


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
    if start is None or len(start.numbers) < 2:
        return own + rivals
    return [_try(CONTINUED, _onwards(spec, rows, start, policy.seed), rows, policy), *own, *rivals]


def best_of(found: list[Choice], policy: TrainingPolicy) -> Choice:
    """Among the stable choices (or the most stable one) the first that is as clear as the clearest,
    except for noise.

    Choices with fewer groups and the spec's own algorithm come first, so a tie goes to them. Groups
    that people know already are replaced only by groups that are clearer by the policy's
    ``regroup_gain``.
    """
    sound = [c for c in found if c.is_sound]
    stable = [c for c in sound if c.stability >= policy.min_stability] or [
        max(sound, key=lambda c: c.stability)
    ]
    clearest = max(c.silhouette for c in stable)
    known = [
        c
        for c in stable
        if c.algorithm == CONTINUED and c.silhouette >= clearest - policy.regroup_gain
    ]
    return (known or [c for c in stable if c.silhouette >= clearest - SILHOUETTE_NOISE])[0]


# Fits rows (with their places among all rows, and a number for the seed) and returns a model, or
# None if it finds no groups.
Way = Callable[[Matrix, Groups, int], Clusterer | None]


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
    nearest = clusterers.distances(model, rows)[np.arange(len(rows)), groups]
    return Choice(
        name,
        count,
        model,
        silhouette(rows, groups, policy.seed),
        agreement(way, rows, groups, policy),
        float((nearest**2).sum()),
        _bic(rows, groups),
    )


def silhouette(rows: Matrix, groups: Groups, seed: int) -> float:
    """Mean silhouette on a sample: 1 is far apart, 0 is side by side."""
    from sklearn.metrics import silhouette_score

    if len(np.unique(groups)) < 2:
        return float("nan")
    sample = min(SILHOUETTE_SAMPLE, len(rows))
    return float(silhouette_score(rows, groups, sample_size=sample, random_state=seed))


def agreement(way: Way, rows: Matrix, groups: Groups, policy: TrainingPolicy) -> float:
    """Mean adjusted Rand index between the groups and those of fits to bootstrap samples."""
    from sklearn.metrics import adjusted_rand_score

    random = np.random.default_rng(policy.seed)
    found = []
    for turn in range(RESAMPLES):
        model = way(rows, random.integers(0, len(rows), len(rows)), turn)
        found.append(adjusted_rand_score(groups, model.predict(rows)) if model is not None else 0.0)
    return float(np.mean(found))


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
