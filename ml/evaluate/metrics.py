"""How good a probability is, with intervals. Plain NumPy, so that a bootstrap of hundreds of draws
takes less than a second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ml.spec import Costs

Vector = NDArray[np.float64]
Labels = NDArray[np.int64]
EPSILON = 1e-12


@dataclass(frozen=True)
class Interval:
    """An estimate with the ends of its bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def roc_auc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Chance that a random true case ranks above a random false one (ties half); nan with one class
    only.
    """
    truth = np.asarray(labels) > 0
    positives = int(truth.sum())
    total = truth.size
    if positives in (0, total):
        return float("nan")
    # Half a second to import, which commands that print stored figures do not pay.
    from scipy.stats import rankdata

    ranks = rankdata(np.asarray(scores, dtype=float))
    return float(
        (ranks[truth].sum() - positives * (positives + 1) / 2) / (positives * (total - positives))
    )


def average_precision(labels: ArrayLike, scores: ArrayLike) -> float:
    """Area under the precision-recall steps; ties are one step. nan without a true case."""
    truth = np.asarray(labels, dtype=float)
    values = np.asarray(scores, dtype=float)
    if truth.sum() == 0:
        return float("nan")
    order = np.argsort(-values, kind="stable")
    hits = np.cumsum(truth[order])
    last = np.append(np.diff(values[order]) != 0, True)
    recall = hits[last] / truth.sum()
    precision = hits[last] / (np.flatnonzero(last) + 1)
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def brier(labels: ArrayLike, scores: ArrayLike) -> float:
    """Mean squared error of the probabilities."""
    return float(np.mean((np.asarray(scores, dtype=float) - np.asarray(labels)) ** 2))


def log_loss(labels: ArrayLike, scores: ArrayLike) -> float:
    """Mean negative log-likelihood, probabilities kept off 0 and 1."""
    p = np.clip(np.asarray(scores, dtype=float), 1e-6, 1 - 1e-6)
    y = np.asarray(labels)
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))


def calibration_bins(
    labels: ArrayLike, scores: ArrayLike, bins: int = 10
) -> tuple[Vector, Vector, Vector]:
    """Mean probability, share of true cases and number of rows per bin of equal numbers."""
    p = np.asarray(scores, dtype=float)
    y = np.asarray(labels, dtype=float)
    order = np.argsort(p, kind="stable")
    chunks = [c for c in np.array_split(order, bins) if c.size]
    means = np.array([p[c].mean() for c in chunks])
    rates = np.array([y[c].mean() for c in chunks])
    return means, rates, np.array([float(c.size) for c in chunks])


def calibration_error(labels: ArrayLike, scores: ArrayLike, bins: int = 10) -> float:
    """Expected calibration error over bins of equal numbers."""
    means, rates, sizes = calibration_bins(labels, scores, bins)
    return float(np.sum(np.abs(means - rates) * sizes) / sizes.sum())


def predicted_over_happened(labels: ArrayLike, scores: ArrayLike) -> float:
    """The sum of the probabilities over the number of true cases: 1 if they add up to what came."""
    return float(np.sum(scores) / max(float(np.sum(labels)), EPSILON))


def chance_calibration_error(
    scores: ArrayLike, seed: int, draws: int = 200, level: float = 0.95
) -> float:
    """The calibration error that perfectly calibrated probabilities show by chance, at that
    level.
    """
    p = np.asarray(scores, dtype=float)
    random = np.random.default_rng(seed)
    errors = [calibration_error((random.random(p.size) < p).astype(int), p) for _ in range(draws)]
    return float(np.quantile(errors, level))


def lift(labels: ArrayLike, scores: ArrayLike, share: float = 0.1) -> float:
    """Rate of true cases in the best share of rows over the rate in all."""
    y = np.asarray(labels, dtype=float)
    top = np.argsort(-np.asarray(scores, dtype=float), kind="stable")[: max(1, int(share * y.size))]
    return float(y[top].mean() / max(y.mean(), EPSILON))


def f1(labels: ArrayLike, scores: ArrayLike, threshold: float) -> float:
    """Harmonic mean of precision and recall at the threshold."""
    y = np.asarray(labels) > 0
    picked = np.asarray(scores, dtype=float) >= threshold
    hits = float((y & picked).sum())
    return 2 * hits / max(float(y.sum() + picked.sum()), 1.0)


def cost_per_person(labels: ArrayLike, scores: ArrayLike, threshold: float, costs: Costs) -> float:
    """Mean cost of acting on those at or above the threshold; doing nothing costs ``missed`` per
    true case.
    """
    y = np.asarray(labels, dtype=float)
    acted = np.asarray(scores, dtype=float) >= threshold
    lost = costs.missed * y * np.where(acted, 1 - costs.saved, 1.0)
    return float(np.mean(lost + costs.contact * acted))


def cheapest_threshold(labels: ArrayLike, scores: ArrayLike, costs: Costs) -> float:
    """The threshold of the least cost among 99 quantiles of the scores."""
    values = np.unique(np.quantile(np.asarray(scores, dtype=float), np.linspace(0.01, 0.99, 99)))
    totals = [cost_per_person(labels, scores, float(t), costs) for t in values]
    return float(values[int(np.argmin(totals))])


# Drawn rows in all. Beyond some thousand rows intervals are narrow, and a hundred draws estimate
# their ends well enough.
MOST_DRAWN = 1_500_000
LEAST_RESAMPLES = 100


def draws(size: int, resamples: int, seed: int) -> NDArray[np.int64]:
    """Row numbers of bootstrap samples, shape (resamples, size); fewer resamples, but a hundred, of
    many rows.
    """
    enough = min(resamples, max(LEAST_RESAMPLES, MOST_DRAWN // max(size, 1)))
    return np.random.default_rng(seed).integers(0, size, (enough, size))


def interval(
    measure: Callable[[Labels, Vector], float],
    labels: Labels,
    scores: Vector,
    samples: NDArray[np.int64],
) -> Interval:
    """A measure with its 90% bootstrap interval."""
    values = [measure(labels[rows], scores[rows]) for rows in samples]
    low, high = np.nanquantile(values, [0.05, 0.95])
    return Interval(measure(labels, scores), float(low), float(high))


def paired_gain(
    measure: Callable[[Labels, Vector], float],
    labels: Labels,
    ours: Vector,
    theirs: Vector,
    samples: NDArray[np.int64],
    confidence: float,
) -> Interval:
    """By how much a measure of ours exceeds theirs on the same rows; low is the one-sided bound at
    that confidence.
    """
    gains = [
        measure(labels[rows], ours[rows]) - measure(labels[rows], theirs[rows]) for rows in samples
    ]
    low, high = np.nanquantile(gains, [1 - confidence, confidence])
    return Interval(measure(labels, ours) - measure(labels, theirs), float(low), float(high))
