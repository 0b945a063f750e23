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
    labels = held_out.labels
    methods = ["temperature", "sigmoid", *(["isotonic"] if _rarer(labels) >= ISOTONIC_FROM else [])]
    said, echo = _said(fitted, held_out.features), _echo(fitted)
    best = min(methods, key=lambda method: _loss(echo, said, labels, method))
    return _fit(fitted, held_out.features, labels, best)


def _rarer(labels: Any) -> int:
    return int(min(labels.sum(), labels.size - labels.sum()))


def _said(fitted: Any, features: Any) -> Any:
    """What a calibration map is given of each row, asked of the pipeline once and not once per map and fold."""
    if hasattr(fitted, "decision_function"):
        return fitted.decision_function(features).reshape(-1, 1)
    return fitted.predict_proba(features)


def _echo(fitted: Any) -> Any:
    """A stand-in for the fitted pipeline that says what it is asked."""
    from sklearn.base import BaseEstimator, ClassifierMixin

    def unused(self: Any, rows: Any, labels: Any = None) -> Any:
        raise NotImplementedError

    def answer(self: Any, rows: Any) -> Any:
        return rows[:, 0] if rows.shape[1] == 1 else rows

    method = "decision_function" if hasattr(fitted, "decision_function") else "predict_proba"
    answer.__name__ = method  # scikit-learn asks for what a bound method is called
    kind = type("Echo", (ClassifierMixin, BaseEstimator), {"fit": unused, "predict": unused, method: answer})
    echo = kind()
    echo.classes_ = fitted.classes_
    return echo


def _loss(echo: Any, said: Any, labels: Any, method: str) -> float:
    fold = np.arange(len(labels)) % FOLDS
    total = 0.0
    for number in range(FOLDS):
        inside = fold == number
        if _rarer(labels[~inside]) == 0:
            return float("inf")
        scores = _fit(echo, said[~inside], labels[~inside], method).predict_proba(said[inside])[:, 1]
        total += metrics.log_loss(labels[inside], scores) * int(inside.sum())
    return total / len(labels)


def _fit(fitted: Any, features: Any, labels: Any, method: str) -> Any:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator

    return CalibratedClassifierCV(FrozenEstimator(fitted), method=method).fit(features, labels)
