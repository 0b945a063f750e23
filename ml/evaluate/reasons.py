"""The reasons for a score: how it would change if a feature had its usual value. For the trainers.

Works for every kind of model, because it only asks the model again. It asks about the features that
move the scores of a sample of people most; other features are never reported as reasons.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.data import columns
from ml.estimators import Model
from ml.evaluate import answers
from ml.evaluate.answers import Ask
from ml.evaluate.metrics import Vector

SAMPLE = 30  # people that drivers are chosen by; each feature is one more prediction for them
WEIGHED = 150  # people that the importance of features is measured by
DRIVERS = 8  # features asked about: each is one more prediction of every person's score
REASONS = 3  # reasons per person


def of_scores(ask: Ask, model: Model, people: pd.DataFrame, scores: Vector) -> pd.DataFrame:
    """profile_id, rank, feature, value, usual, effect: the strongest reasons of each person, the
    first of rank 1.

    effect is the score less what it would be with the usual value (the median, or the most frequent
    category).
    """
    features = columns.expected_columns(model, people)
    usual = {str(name): _usual(features[name]) for name in features}
    sample = features.iloc[:: max(1, len(features) // SAMPLE)]
    moved = _moved(ask, sample, usual)
    drivers = sorted(moved, key=lambda name: (-moved[name], name))[:DRIVERS]
    effects = np.column_stack(
        [_effect(ask, features, scores, name, usual[name]) for name in drivers]
    )
    order = np.argsort(-np.abs(effects), axis=1, kind="stable")[:, :REASONS]
    return pd.concat(
        [
            _ranked(people, features, effects, order[:, rank], rank, drivers, usual)
            for rank in range(order.shape[1])
        ]
    )


def importance(ask: Ask, features: pd.DataFrame) -> dict[str, float]:
    """Each feature's share of what moves the scores of a sample of these people."""
    usual = {str(name): _usual(features[name]) for name in features}
    moved = _moved(ask, features.iloc[:: max(1, len(features) // WEIGHED)], usual)
    whole = sum(moved.values())
    return {name: value / whole if whole else 0.0 for name, value in moved.items()}


def _moved(ask: Ask, sample: pd.DataFrame, usual: dict[str, Any]) -> dict[str, float]:
    """By how much each feature moves the scores of the sample, all asked in one prediction."""
    size = len(sample)
    asked = pd.concat([sample] * (len(usual) + 1), ignore_index=True)
    for place, (name, value) in enumerate(usual.items()):
        asked[name] = np.where(np.arange(len(asked)) // size == place, value, asked[name])
    scores = answers.of_all(ask, asked).scores.reshape(-1, size)
    effects = np.abs(scores[:-1] - scores[-1]).mean(axis=1)
    return dict(zip(usual, map(float, effects), strict=True))


def _usual(column: pd.Series) -> Any:
    known = column.dropna()
    if column.dtype == object:
        return known.mode().iloc[0] if len(known) else None
    return float(known.median()) if len(known) else float("nan")


def _effect(ask: Ask, features: pd.DataFrame, scores: Vector, name: str, usual: Any) -> Vector:
    changed = answers.of_all(ask, features.assign(**{name: usual})).scores
    return np.asarray(scores - changed)


def _ranked(
    people: pd.DataFrame, features: pd.DataFrame, effects: Vector, chosen: NDArray[np.int64],
    rank: int, drivers: list[str],
    usual: dict[str, Any],
) -> pd.DataFrame:  # fmt: skip
    names = [drivers[place] for place in chosen]
    values = {name: features[name].astype(object).to_numpy() for name in drivers}
    return pd.DataFrame(
        {
            "profile_id": people["profile_id"].to_numpy(),
            "rank": rank + 1,
            "feature": names,
            "value": [_text(values[name][row]) for row, name in enumerate(names)],
            "usual": [_text(usual[name]) for name in names],
            "effect": effects[np.arange(len(people)), chosen],
        }
    )


def _text(value: Any) -> str:
    if isinstance(value, float):
        return "unknown" if np.isnan(value) else f"{value:.4g}"
    return "unknown" if value is None else str(value)
