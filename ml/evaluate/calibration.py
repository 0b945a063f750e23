"""Turns a fitted pipeline's scores into probabilities that keep their word, on rows it was not
fitted to.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ml.data.dataset import Part
from ml.estimators import Array, Matrix, Model, Rows
from ml.evaluate import losses
from ml.evaluate.metrics import Vector

# Isotonic steps need many rows of each outcome or they copy noise; below that two numbers, or one,
# must do.
ISOTONIC_FROM = 2000
FOLDS = 5


def calibrate(fitted: Model, held_out: Part) -> Model:
    """The pipeline as it is, or with the map that betters its probabilities on held-out rows by
    more than noise.

    The maps (temperature: one number, sigmoid: two, isotonic: steps) are compared by log loss in
    folds of those rows, a simpler one first: what is not better by a standard error would only copy
    the chance of these rows.
    """
    labels = held_out.labels
    methods = ["temperature", "sigmoid", *(["isotonic"] if _rarer(labels) >= ISOTONIC_FROM else [])]
    said = _said(fitted, held_out.features)
    echo = _echo(fitted)
    best = None
    least = losses.of_scores(labels, fitted.predict_proba(held_out.features)[:, 1])
    for method in methods:
        if (lost := _lost(echo, said, labels, method)) is None:
            continue
        gain = least - lost
        if gain.mean() > gain.std() / np.sqrt(len(gain)):
            best = method
            least = lost
    return fitted if best is None else _fit(fitted, held_out.features, labels, best)


def _rarer(labels: Array) -> int:
    return int(min(labels.sum(), labels.size - labels.sum()))


def _said(fitted: Model, features: pd.DataFrame) -> Matrix:
    """What a calibration map is given of each row, asked of the pipeline once and not once per map
    and fold.
    """
    if hasattr(fitted, "decision_function"):
        return fitted.decision_function(features).reshape(-1, 1)
    return fitted.predict_proba(features)


def _echo(fitted: Model) -> Model:
    """A stand-in for the fitted pipeline that says what it is asked."""
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


def _lost(echo: Model, said: Matrix, labels: Array, method: str) -> Vector | None:
    """Log loss of each row under a map fitted to the other folds; None where these hold one outcome
    alone.
    """
    fold = np.arange(len(labels)) % FOLDS
    lost = np.zeros(len(labels))
    for number in range(FOLDS):
        inside = fold == number
        if _rarer(labels[~inside]) == 0:
            return None
        scores = _fit(echo, said[~inside], labels[~inside], method).predict_proba(said[inside])[
            :, 1
        ]
        lost[inside] = losses.of_scores(labels[inside], scores)
    return lost


def _fit(fitted: Model, features: Rows, labels: Array, method: str) -> Model:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator

    return CalibratedClassifierCV(FrozenEstimator(fitted), method=method).fit(features, labels)
