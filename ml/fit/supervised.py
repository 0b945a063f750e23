"""Fits one ModelSpec: search, calibration, evaluation, and what of it is logged."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ml import threads
from ml.data import dataset
from ml.data.dataset import Period, TrainingSet
from ml.estimators import Model
from ml.evaluate import backtest, calibration, evaluation, metrics
from ml.evaluate.evaluation import Evaluation
from ml.fit import candidates, earlier, pipeline, search
from ml.fit.search import BestFit, Dropped
from ml.policy import TrainingPolicy
from ml.spec import ModelSpec


@dataclass(frozen=True)
class Trained:
    """The chosen, calibrated model as tested, and finished with the newest outcomes; how it and the
    heuristic did in each back-test period.
    """

    model: Model
    tested: Model
    rule: Model
    chosen: BestFit
    found: list[BestFit]
    ours: Evaluation
    theirs: Evaluation
    periods: backtest.Periods
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
        horizon = data.horizon_days
        newest = backtest.measured(
            data.newest.as_of, horizon, len(data.test), ours.metrics, theirs.metrics
        )
        older, unfitted = earlier.measured_each(
            data.earlier, lambda one: _earlier(chosen.fitted, spec, data, one, policy)
        )
        final = finished(chosen.fitted, data) or model
        return Trained(
            final, model, rule, chosen, searched.found, ours, theirs, (newest, *older),
            (*searched.dropped, *unfitted),
        )  # fmt: skip


def _earlier(
    fitted: Model, spec: ModelSpec, data: TrainingSet, period: Period, policy: TrainingPolicy
) -> backtest.Measured:
    """The chosen candidate and the rule, fitted to what was known before an earlier period."""
    from sklearn.base import clone

    then = replace(data, train=period.train, validation=period.validation, test=period.test)
    again = clone(fitted).fit(period.train.features, period.train.labels)
    models = (calibration.calibrate(again, period.validation), fit_rule(spec.heuristic, then))
    ours, theirs = (_evaluate(each, spec, then, policy).metrics for each in models)
    return backtest.measured(period.as_of, data.horizon_days, len(period.test), ours, theirs)


def finished(fitted: Model, data: TrainingSet) -> Model | None:
    """The chosen candidate fitted once more, with rows newer than those learnt from too; None if
    the set has none.

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
