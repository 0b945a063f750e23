"""Turns a fitted pipeline's scores into calibrated probabilities, with rows that it was not fitted
to: for the fit of a probability.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ml.data.dataset import Part
from ml.estimators import Array, Matrix, Model, Rows
from ml.evaluate import losses
from ml.evaluate.metrics import Vector

# Isotonic steps need many rows of each outcome, or they copy noise; with fewer rows only maps of
# one or two numbers are tried.
ISOTONIC_FROM = 2000
FOLDS = 5


def calibrate(fitted: Model, held_out: Part) -> Model:
    """The pipeline unchanged, or with the map that improves its probabilities on held-out rows by
    more than noise.

    The maps (temperature: one number, sigmoid: two, isotonic: steps) are compared by log loss in
    folds of those rows, a simpler one first: a map that is not better by a standard error would
    only copy noise of these rows.
    """
    labels = held_out.labels
    methods = ["temperature", "sigmoid", *(["isotonic"] if _rarer(labels) >= ISOTONIC_FROM else [])]
    outputs = _raw_outputs(fitted, held_out.features)
    echo = _echo(fitted)
    best = None
    least = losses.of_scores(labels, fitted.predict_proba(held_out.features)[:, 1])
    for method in methods:
        if (lost := _lost(echo, outputs, labels, method)) is None:
            continue
        gain = least - lost
        if gain.mean() > gain.std() / np.sqrt(len(gain)):
            best = method
            least = lost
    return fitted if best is None else _fit(fitted, held_out.features, labels, best)


def _rarer(labels: Array) -> int:
    return int(min(labels.sum(), labels.size - labels.sum()))


def _raw_outputs(fitted: Model, features: pd.DataFrame) -> Matrix:
    """What a calibration map gets of each row, computed once and not once per map and fold."""
    if hasattr(fitted, "decision_function"):
        return fitted.decision_function(features).reshape(-1, 1)
    return fitted.predict_proba(features)


def _echo(fitted: Model) -> Model:
    """A substitute for the fitted pipeline that returns its input."""
    from sklearn.base import BaseEstimator, ClassifierMixin

    def unused(self: Model, rows: Matrix, labels: Array | None = None) -> Model:
        raise NotImplementedError

    def answer(self: Model, rows: Matrix) -> Array:
        return rows[:, 0] if rows.shape[1] == 1 else rows

    method = "decision_function" if hasattr(fitted, "decision_function") else "predict_proba"
    answer.__name__ = method  # scikit-learn asks for what a bound method is called
    kind = type(
        "Echo", (ClassifierMixin, BaseEstimator), {"fit": unused, "predict": unused, method: answer}
    )
    echo: Model = kind()
    echo.classes_ = fitted.classes_
    return echo


def _lost(echo: Model, outputs: Matrix, labels: Array, method: str) -> Vector | None:
    """Log loss of each row under a map fitted to the other folds; None if these have only one
    outcome.
    """
    fold = np.arange(len(labels)) % FOLDS
    lost = np.zeros(len(labels))
    for number in range(FOLDS):
        inside = fold == number
        if _rarer(labels[~inside]) == 0:
            return None
        mapped = _fit(echo, outputs[~inside], labels[~inside], method)
        scores = mapped.predict_proba(outputs[inside])[:, 1]
        lost[inside] = losses.of_scores(labels[inside], scores)
    return lost


def _fit(fitted: Model, features: Rows, labels: Array, method: str) -> Model:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator

    return CalibratedClassifierCV(FrozenEstimator(fitted), method=method).fit(features, labels)
