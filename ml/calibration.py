"""Turns a fitted pipeline's scores into probabilities that keep their word, on rows it was not fitted to."""

from __future__ import annotations

from typing import Any

import numpy as np

from ml import metrics
from ml.dataset import Part

# Isotonic steps need many rows of each outcome or they copy noise; below that two numbers, or one, must do.
ISOTONIC_FROM = 2000
FOLDS = 5


def calibrate(fitted: Any, held_out: Part) -> Any:
    """The pipeline with the calibration map that does best on held-out rows; the fitted pipeline is not changed.

    The maps (temperature: one number, sigmoid: two, isotonic: steps) are compared by log loss in folds of those rows.
    """
    rarer = min(held_out.labels.sum(), len(held_out) - held_out.labels.sum())
    methods = ["temperature", "sigmoid", *(["isotonic"] if rarer >= ISOTONIC_FROM else [])]
    best = min(methods, key=lambda method: _loss(fitted, held_out, method))
    return _fit(fitted, held_out, best, np.arange(len(held_out)))


def _loss(fitted: Any, held_out: Part, method: str) -> float:
    fold = np.arange(len(held_out)) % FOLDS
    total = 0.0
    for number in range(FOLDS):
        inside, outside = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        if min(held_out.labels[outside].sum(), (1 - held_out.labels[outside]).sum()) == 0:
            return float("inf")
        scores = _fit(fitted, held_out, method, outside).predict_proba(held_out.features.iloc[inside])[:, 1]
        total += metrics.log_loss(held_out.labels[inside], scores) * len(inside)
    return total / len(held_out)


def _fit(fitted: Any, held_out: Part, method: str, rows: Any) -> Any:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator

    frozen = CalibratedClassifierCV(FrozenEstimator(fitted), method=method)
    return frozen.fit(held_out.features.iloc[rows], held_out.labels[rows])
