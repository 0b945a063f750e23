"""Chooses how many groups there are and which algorithm finds them: silhouette, BIC and bootstrap stability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ml import clusterers
from ml.clusterers import Groups, Matrix
from ml.policy import TrainingPolicy
from ml.spec import PersonaSpec

SILHOUETTE_SAMPLE = 1500
# Differences in silhouette between two samples of 1,500 people of the same groups.
SILHOUETTE_NOISE = 0.015
RESAMPLES = 4  # bootstrap refits per choice; their mean agreement has a spread of about 0.02 on clear groups


@dataclass(frozen=True)
class Choice:
    """One algorithm with one number of groups, and how it did."""

    algorithm: str
    clusters: int
    model: Any
    silhouette: float
    stability: float
    inertia: float
    bic: float

    @property
    def is_sound(self) -> bool:
        """Whether it found at least two groups."""
        return self.model is not None and self.clusters >= 2


def choices(spec: PersonaSpec, rows: Matrix, policy: TrainingPolicy) -> list[Choice]:
    """Every number of groups with the spec's own algorithm, then the rivals at the best of those numbers."""
    low, high = spec.clusters
    own = [_try("own", spec, rows, k, policy) for k in range(low, min(high, len(rows) // 10) + 1)]
    best = best_of(own, policy)
    return own + [_try(name, spec, rows, best.clusters, policy) for name in spec.rivals]


def best_of(found: list[Choice], policy: TrainingPolicy) -> Choice:
    """Among the stable choices (or the most stable one) the first that is as clear as the clearest, but for noise.

    Choices come with fewer groups and the spec's own algorithm first, so that is what a tie goes to.
    """
    sound = [c for c in found if c.is_sound]
    stable = [c for c in sound if c.stability >= policy.min_stability] or [max(sound, key=lambda c: c.stability)]
    clearest = max(c.silhouette for c in stable)
    return next(c for c in stable if c.silhouette >= clearest - SILHOUETTE_NOISE)


def _try(name: str, spec: PersonaSpec, rows: Matrix, clusters: int, policy: TrainingPolicy) -> Choice:
    model = fit(name, spec, rows, clusters, policy.seed)
    if model is None:
        return Choice(name, 0, None, float("nan"), 0.0, float("nan"), float("nan"))
    groups = np.asarray(model.predict(rows))
    count = len(np.unique(groups))
    if count < 2:
        return Choice(name, count, model, float("nan"), 0.0, float("nan"), float("nan"))
    nearest = clusterers.distances(model, rows)[np.arange(len(rows)), groups]
    stability = agreement(name, spec, rows, clusters, groups, policy)
    return Choice(
        name,
        count,
        model,
        silhouette(rows, groups, policy.seed),
        stability,
        float((nearest**2).sum()),
        _bic(rows, groups),
    )


def fit(name: str, spec: PersonaSpec, rows: Matrix, clusters: int, seed: int) -> Any:
    """One algorithm fitted to the rows; None where it finds no groups."""
    if name == "own":
        return spec.estimator(clusters, seed).fit(rows)
    return clusterers.ALGORITHMS[name](rows, clusters, seed)


def silhouette(rows: Matrix, groups: Groups, seed: int) -> float:
    """Mean silhouette on a sample: 1 is far apart, 0 is touching."""
    from sklearn.metrics import silhouette_score

    if len(np.unique(groups)) < 2:
        return float("nan")
    sample = min(SILHOUETTE_SAMPLE, len(rows))
    return float(silhouette_score(rows, groups, sample_size=sample, random_state=seed))


def agreement(
    name: str, spec: PersonaSpec, rows: Matrix, clusters: int, groups: Groups, policy: TrainingPolicy
) -> float:
    """Mean adjusted Rand index between the groups and those of fits to bootstrap samples."""
    from sklearn.metrics import adjusted_rand_score

    random = np.random.default_rng(policy.seed)
    found = []
    for number in range(RESAMPLES):
        model = fit(name, spec, rows[random.integers(0, len(rows), len(rows))], clusters, policy.seed + number)
        found.append(adjusted_rand_score(groups, model.predict(rows)) if model is not None else 0.0)
    return float(np.mean(found))


def _bic(rows: Matrix, groups: Groups) -> float:
    """BIC of spherical Gaussians with one variance around the groups' means (Pelleg and Moore 2000); less is better."""
    size, width = rows.shape
    values, counts = np.unique(groups, return_counts=True)
    within = sum(float(((rows[groups == g] - rows[groups == g].mean(axis=0)) ** 2).sum()) for g in values)
    variance = max(within / (width * max(size - len(values), 1)), 1e-12)
    likelihood = float((counts * np.log(counts / size)).sum())
    likelihood -= size * width / 2 * np.log(2 * np.pi * variance) + within / (2 * variance)
    free = len(values) * (width + 1)
    return float(free * np.log(size) - 2 * likelihood)
