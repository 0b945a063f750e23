"""The plain rule that gives the scores while a model has no champion: its fit and its card. The
trainers of labelled models call it.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd

from ml.data import dataset
from ml.data.dataset import Part
from ml.data.frames import Lake
from ml.estimators import Estimator, Model
from ml.evaluate import backtest
from ml.fit import pipeline
from ml.registry.kept import RULE, RULE_OF
from ml.registry.protocols import TrackedRun
from ml.registry.tracking import Tracker
from ml.spec import Learnt
from segmentry.errors import NotReadyError

LEAST_CLASS = 5  # of each outcome; with fewer the rule is one rate for all people


def publish(
    tracker: Tracker, spec: Learnt, lake: Lake, run: TrackedRun, as_of: datetime, reason: str
) -> str:
    """Keep the rule in the run, so that the next scoring uses it; returns a note. A run that has
    one keeps it.
    """
    if RULE_OF in run.data.tags:
        return f"{spec.name} is scored by the plain rule"
    try:
        known = dataset.known(lake, spec, as_of)
    except NotReadyError as nothing:
        return f"{spec.name} has no scores: {nothing}"
    model, how = fit(known)
    tested = tracker.has_artifact(run.info.run_id, backtest.ARTIFACT)
    text = card(spec, known, how, reason, is_tested=tested)
    tracker.keep(run.info.run_id, RULE, model, {"model_card.md": text})
    tracker.client.set_tag(run.info.run_id, RULE_OF, as_of.isoformat())
    return f"{spec.name} is scored by the plain rule: {how}"


def fit(known: Part) -> tuple[Model, str]:
    """The rule on the one feature of the part, and in words what it does. Where the feature or the
    outcome hardly varies it is the mean outcome, or the most frequent choice, for all people.
    """
    (feature,) = known.features.columns
    labels = known.labels
    kind = labels.dtype.kind
    if known.features[feature].nunique(dropna=True) > 1 and not _is_one_sided(labels):
        make = {"f": pipeline.amount_heuristic, "O": pipeline.choice_heuristic}
        rule = make.get(kind, pipeline.heuristic)(str(feature))
        return rule.fit(known.features, labels), f"{feature} alone decides"
    words = "all people get the same score, as too little is known to distinguish them"
    if kind in "fO":
        return _constant(kind).fit(known.features, labels), words
    # One further row of each outcome: nothing is certain after few rows.
    rows = pd.concat([known.features, known.features.iloc[[0, 0]]])
    return _constant(kind).fit(rows, np.append(labels, [0, 1])), words


def _is_one_sided(labels: np.ndarray) -> bool:
    if labels.dtype.kind == "f":
        return False
    counts = np.unique(labels, return_counts=True)[1]
    return len(counts) < 2 or (counts.min() < LEAST_CLASS and labels.dtype.kind != "O")


def _constant(kind: str) -> Estimator:
    from sklearn.dummy import DummyClassifier, DummyRegressor

    constant: Estimator = DummyRegressor() if kind == "f" else DummyClassifier(strategy="prior")
    return constant


def card(spec: Learnt, known: Part, how: str, reason: str, *, is_tested: bool) -> str:
    """The rule's card as Markdown."""
    times = ", ".join(f"{t:%Y-%m-%d}" for t in sorted(known.keys["as_of"].unique()))
    figures = (
        "How the rule did in each back-test period is in the model card of the same run."
        if is_tested
        else "It was not tested: nothing is known of how good it is."
    )
    return "\n".join(
        [
            f"# {spec.name}: a plain rule",
            "",
            spec.description,
            "",
            f"No model is published, because {reason}.",
            f"Until one is, scores have the version `{RULE}`: {how}.",
            "",
            f"Fitted to {len(known)} outcomes of people as of {times}.",
            figures,
            "",
        ]
    )
