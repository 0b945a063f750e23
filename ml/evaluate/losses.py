"""What one wrong prediction costs a model: the loss of each row, by the kind of label."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from ml.estimators import Array, Model, Rows
from ml.evaluate.metrics import Labels, Vector

LEAST = 1e-6  # probabilities and amounts are kept at least this far from nothing


class LabelledRows(Protocol):
    """Rows and how each of them turned out: a part of a training set, or what a preparation made of
    it.
    """

    @property
    def features(self) -> Rows:
        """What a model is given."""

    @property
    def labels(self) -> Array:
        """What happened."""


def each(model: Model, part: LabelledRows) -> Vector:
    """Loss per row: log loss of a probability or a choice, Poisson deviance of an amount (both want
    the mean right).
    """
    labels = part.labels
    if labels.dtype.kind == "f":
        return deviance(labels, model.predict(part.features))
    chances = np.clip(model.predict_proba(part.features), LEAST, 1 - LEAST)
    if labels.dtype != object:
        return of_scores(labels, chances[:, 1])
    column = {name: place for place, name in enumerate(model.classes_)}
    places = np.array([column.get(name, -1) for name in labels])
    # A choice that was never seen in training was given no chance at all.
    return np.asarray(
        -np.log(np.where(places >= 0, chances[np.arange(len(labels)), places], LEAST))
    )


def of_scores(labels: Labels, scores: Vector) -> Vector:
    """Log loss per row of probabilities of a true label."""
    chances = np.clip(scores, LEAST, 1 - LEAST)
    return np.asarray(-np.where(labels > 0, np.log(chances), np.log1p(-chances)))


def deviance(happened: Vector, forecast: Vector) -> Vector:
    """Poisson deviance per row; amounts may be any number of at least 0."""
    mean = np.maximum(np.asarray(forecast, dtype=np.float64), LEAST)
    ratio = np.where(happened > 0, happened / mean, 1.0)
    return np.asarray(2 * (happened * np.log(ratio) - happened + mean))
