"""Measures how the scores of past months turned out: for the stage ``score``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import numpy as np
import pandas as pd

from ml.data import frames
from ml.data.dataset import is_rare
from ml.data.frames import Lake
from ml.estimators import Array
from ml.evaluate import performance
from ml.evaluate.evaluation import LEAST_GROUP, LEAST_GROUP_CLASS
from ml.evaluate.metrics import Interval, Vector
from ml.evaluate.performance import RELATION, Scoring, Turnout
from ml.registry import store
from ml.spec import ForecastSpec, Learnt
from segmentry.settings import Settings

_SAME = "model = ? and model_version = ? and as_of = ?"


# The figures of one kind of model: of labels, scores and outcomes (choices).
Measures = Callable[[Array, Vector, Array], Mapping[str, Interval]]


def measure(
    settings: Settings, lake: Lake, spec: Learnt, now: datetime, measures: Measures
) -> list[str]:
    """Write ml.performance for scorings whose outcomes are known at ``now``; returns notes on those
    that do worse than promised. Measured again, the same outcomes give the same rows.
    """
    found = []
    for scoring in performance.due(lake, spec.name, spec.horizon_days, now):
        turnout = _turnout(lake, spec, scoring, measures)
        promise = performance.promised(lake, spec.name, scoring)
        made = performance.rows(spec.name, scoring, turnout, promise, now)
        same: list[object] = [spec.name, scoring.version, scoring.as_of]
        store.replace_rows(settings, lake, [(RELATION, _SAME, same, made)])
        found.append(made)
    return performance.notes(pd.concat(found, ignore_index=True)) if found else []


def _turnout(lake: Lake, spec: Learnt, scoring: Scoring, measures: Measures) -> Turnout:
    frames.set_training_dates(lake, [(scoring.as_of, scoring.until)])
    rows = lake.execute(
        f"""
        select scores.score, scores.outcome, labels.label
        from ml.scores as scores
        left join ({spec.label_sql}) as labels
            on scores.profile_id = labels.profile_id and scores.as_of = labels.as_of
        where scores.model = ? and scores.model_version = ? and scores.as_of = ?
        order by scores.profile_id
        """,
        [spec.name, scoring.version, scoring.as_of],
    ).df()
    known = rows[rows["label"].notna()]
    labels = _labels(spec, known["label"])
    figures: Mapping[str, Interval] = {}
    if _is_enough(labels):
        scores = known["score"].to_numpy(dtype=np.float64)
        figures = measures(labels, scores, known["outcome"].to_numpy(dtype=object))
    return Turnout(len(known), len(rows) - len(known), figures)


def _labels(spec: Learnt, column: pd.Series) -> Array:
    if spec.is_choice:
        return column.astype(str).to_numpy(dtype=object)
    is_amount = isinstance(spec, ForecastSpec)
    return column.to_numpy(dtype=np.float64 if is_amount else np.int64)


def _is_enough(labels: Array) -> bool:
    """Enough people, and enough of either outcome, for figures that mean something."""
    if len(labels) < LEAST_GROUP:
        return False
    rare = int(is_rare(labels).sum())
    return min(rare, len(labels) - rare) >= LEAST_GROUP_CLASS
