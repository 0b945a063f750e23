"""Fits one ModelSpec: search, calibration, evaluation, and what of it is logged."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from ml import threads
from ml.data import dataset
from ml.data.dataset import TrainingSet
from ml.estimators import Model
from ml.evaluate import calibration, evaluation, metrics
from ml.evaluate.evaluation import Evaluation
from ml.fit import candidates, pipeline, search
from ml.fit.search import BestFit, Dropped
from ml.policy import TrainingPolicy
from ml.spec import ModelSpec


@dataclass(frozen=True)
class Trained:
    """The chosen, calibrated model, finished with the newest outcomes, and how it did before that;
    the heuristic.
    """

    model: Model
    rule: Model
    chosen: BestFit
    found: list[BestFit]
    ours: Evaluation
    theirs: Evaluation
    dropped: Sequence[Dropped] = ()


def fit(spec: ModelSpec, data: TrainingSet, policy: TrainingPolicy) -> Trained:
    """Search all candidates, calibrate the best, evaluate it and the heuristic on the test part,
    finish the best.
    """
    with threads.limited(policy):
        deadline = time.monotonic() + policy.seconds_per_model
        searched = search.search_all(candidates.of(spec), search.Prepared(data), policy, deadline)
        chosen = searched.best
        model = calibration.calibrate(chosen.fitted, data.validation)
        rule = fit_rule(spec.heuristic, data)
        ours, theirs = (_evaluate(each, spec, data, policy) for each in (model, rule))
        model = finished(chosen.fitted, data) or model
        return Trained(model, rule, chosen, searched.found, ours, theirs, searched.dropped)


def finished(fitted: Model, data: TrainingSet) -> Model | None:
    """The chosen candidate fitted once more, with rows of the test's date too; None if the set has
    no further rows of it.

    It never learns from the people of the test part. The newest outcomes matter most in a young
    shop: at the older dates no customer has been silent for long.
    """
    from sklearn.base import clone

    if data.recent is None:
        return None
    learn, check = (
        dataset.joined(*both)
        for both in zip((data.train, data.validation), data.recent, strict=True)
    )
    return calibration.calibrate(clone(fitted).fit(learn.features, learn.labels), check)


def fit_rule(heuristic: str, data: TrainingSet) -> Model:
    """The heuristic's one feature as a probability; if that feature is missing, the first numeric
    feature.
    """
    feature = heuristic if heuristic in data.feature_set.numbers else data.feature_set.numbers[0]
    return pipeline.heuristic(feature).fit(data.train.features, data.train.labels)


def _evaluate(
    model: Model, spec: ModelSpec, data: TrainingSet, policy: TrainingPolicy
) -> Evaluation:
    scores = evaluation.probabilities(model, data.validation)
    threshold = metrics.cheapest_threshold(data.validation.labels, scores, spec.costs)
    return evaluation.evaluate(
        spec, data.test, evaluation.probabilities(model, data.test), threshold, policy
    )
