"""How good a ranking by uplift is: Qini, uplift among the first k, calibration, each with a
bootstrap interval; and whether the treatment was random at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml.evaluate import metrics
from ml.evaluate.metrics import Interval, Vector

RESAMPLES = 500
# The level at which a split is called broken too (docs/adr/0033).
LEVEL_OF_RANDOM = 0.001
BINS = 5


@dataclass(frozen=True)
class RandomTrial:
    """People whose treatment was random: one flag and one outcome per person."""

    treated: np.ndarray
    outcome: Vector

    def effects(self) -> Vector:
        """One unbiased effect per person, whose mean is the average effect (inverse propensity).

        The outcome is centred first, which lowers the variance.
        """
        share = self.treated.mean()
        weight = np.where(self.treated, 1 / share, -1 / (1 - share))
        centred = self.outcome - self.outcome.mean()
        return np.asarray(weight * centred)


@dataclass(frozen=True)
class Assignment:
    """How well features predict the treatment: AUC with a 95% interval, and its p-value."""

    auc: float
    low: float
    high: float
    p_value: float

    @property
    def is_random(self) -> bool:
        """Whether chance explains how well the features predict the treatment."""
        return self.p_value >= LEVEL_OF_RANDOM

    def __str__(self) -> str:
        return (
            f"features predict who is treated with AUC {self.auc:.3f} [{self.low:.3f},"
            f" {self.high:.3f}], p = {self.p_value:.2g} (random: 0.5)"
        )


def assignment(treated: np.ndarray, scores: Vector) -> Assignment:
    """The propensity check; scores are out of fold. Mann-Whitney test of an AUC above .5."""
    from scipy.stats import norm

    flags = np.asarray(treated, dtype=np.int64)
    auc = metrics.roc_auc(flags, scores)
    ours = int(flags.sum())
    others = len(flags) - ours
    error = np.sqrt((ours + others + 1) / (12 * ours * others))
    p_value = float(norm.sf((auc - 0.5) / error))
    return Assignment(auc, auc - 1.96 * error, auc + 1.96 * error, p_value)


def places(scores: Vector, seed: int = 0) -> Vector:
    """Each person's place in the ranking, from 0 (first) to 1; equal scores in a random order."""
    order = np.random.default_rng(seed).permutation(len(scores))
    ranked = order[np.argsort(-scores[order], kind="stable")]
    found = np.empty(len(scores))
    found[ranked] = (np.arange(len(scores)) + 0.5) / len(scores)
    return found


def _mean(parts: Vector, seed: int) -> Interval:
    """The mean of one figure per person with a 95% bootstrap interval."""
    random = np.random.default_rng(seed)
    size = len(parts)
    drawn = [parts[random.integers(0, size, size)].mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(float(parts.mean()), float(low), float(high))


def qini_parts(trial: RandomTrial, scores: Vector) -> Vector:
    """Each person's part of the Qini coefficient; their mean is the coefficient."""
    return np.asarray(trial.effects() * (0.5 - places(scores)))


def qini(trial: RandomTrial, scores: Vector, seed: int = 0) -> Interval:
    """Area between the curve of gain by share treated and the line of random choice, per person.

    Radcliffe (2007); 0 is random. In the unit of the outcome.
    """
    return _mean(qini_parts(trial, scores), seed)


def qini_gain(trial: RandomTrial, ours: Vector, theirs: Vector, seed: int = 0) -> Interval:
    """By how much the Qini coefficient of one ranking is above that of another, paired."""
    return _mean(qini_parts(trial, ours) - qini_parts(trial, theirs), seed)


def uplift_at(trial: RandomTrial, scores: Vector, share: float, seed: int = 0) -> Interval:
    """Average effect among the first share of the ranking: treated mean minus control mean."""
    first = places(scores) <= share
    return difference(trial.treated[first], trial.outcome[first], seed)


def gain_over_random(trial: RandomTrial, scores: Vector, share: float, seed: int = 0) -> Interval:
    """What treating the first share adds to treating as many at random, per person of all."""
    first = places(scores) <= share
    return _mean(trial.effects() * (first - first.mean()), seed)


def difference(treated: np.ndarray, outcome: Vector, seed: int = 0) -> Interval:
    """Treated mean minus control mean with a 95% bootstrap interval, each group resampled."""
    ours = outcome[treated]
    others = outcome[~treated]
    if min(len(ours), len(others)) < 2:
        return Interval(float("nan"), float("-inf"), float("inf"))
    random = np.random.default_rng(seed)
    drawn = [
        ours[random.integers(0, len(ours), len(ours))].mean()
        - others[random.integers(0, len(others), len(others))].mean()
        for _ in range(RESAMPLES)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(float(ours.mean() - others.mean()), float(low), float(high))


@dataclass(frozen=True)
class Bin:
    """People of similar predicted uplift: how many, predicted mean, and the measured effect."""

    people: int
    predicted: float
    measured: Interval


def calibration(trial: RandomTrial, scores: Vector) -> list[Bin]:
    """Predicted next to measured uplift, in fifths of the ranking, the first one first."""
    fifth = np.minimum((places(scores) * BINS).astype(int), BINS - 1)
    return [
        Bin(
            int((fifth == one).sum()),
            float(scores[fifth == one].mean()),
            difference(trial.treated[fifth == one], trial.outcome[fifth == one]),
        )
        for one in range(BINS)
    ]
