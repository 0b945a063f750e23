"""Fits one ForecastSpec: its own candidate, its rivals and the plain rule, next to each other."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ml import threads
from ml.data import dataset
from ml.data.dataset import Period, TrainingSet
from ml.estimators import Model
from ml.evaluate import backtest, forecasts, metrics
from ml.evaluate.metrics import Interval
from ml.fit import candidates, earlier, pipeline, search
from ml.fit.search import BestFit, Dropped
from ml.policy import TrainingPolicy
from ml.spec import ForecastSpec


@dataclass(frozen=True)
class FittedForecast:
    """The candidate chosen by validation, as tested and finished with the newest outcomes; every
    candidate, and what each and the rule showed on the test part and in each back-test period.
    """

    model: Model
    chosen: BestFit
    found: list[BestFit]
    table: Mapping[str, Mapping[str, Interval]]
    periods: backtest.Periods
    dropped: Sequence[Dropped] = ()

    @property
    def tested(self) -> Model:
        """The chosen model as tested."""
        return self.chosen.fitted


def fit(spec: ForecastSpec, data: TrainingSet, policy: TrainingPolicy) -> FittedForecast:
    """Search the spec's own candidate, fit its rivals, judge all on the test part."""
    with threads.limited(policy):
        deadline = time.monotonic() + policy.seconds_per_model
        own, *rivals = candidates.of(spec, candidates.for_kind(spec.estimator()))
        prepared = search.Prepared(data)
        attempts = [(own, replace(policy, trials=min(policy.trials, 1)))]
        attempts += [(rival, replace(policy, trials=0)) for rival in rivals]
        searched = search.search_each(attempts, prepared, deadline)
        rule = fit_rule(spec.heuristic, data)
        few = replace(policy, resamples=min(policy.resamples, metrics.LEAST_RESAMPLES))
        table = {"rule": forecasts.measured(rule, data.test, few)}
        table |= {f.candidate: forecasts.measured(f.fitted, data.test, few) for f in searched.found}
        best = searched.best
        newest = backtest.measured(
            data.newest.as_of, data.horizon_days, len(data.test), table[best.candidate],
            table["rule"],
        )  # fmt: skip
        older, unfitted = earlier.measured_each(
            data.earlier, lambda one: _earlier(best.fitted, spec, data, one, few)
        )
        final = finished(best.fitted, data)
    periods = (newest, *older)
    dropped = (*searched.dropped, *unfitted)
    return FittedForecast(final, best, searched.found, table, periods, dropped)


def finished(fitted: Model, data: TrainingSet) -> Model:
    """The chosen candidate fitted once more, with rows newer than those learnt from too, of the
    same people; itself if the set has none.
    """
    from sklearn.base import clone

    if data.recent is None or not len(data.recent[0]):
        return fitted
    learn = dataset.joined(data.train, data.recent[0])
    return clone(fitted).fit(learn.features, learn.labels)


def _earlier(
    fitted: Model, spec: ForecastSpec, data: TrainingSet, period: Period, policy: TrainingPolicy
) -> backtest.Measured:
    """The chosen candidate and the rule, fitted to what was known before an earlier period."""
    from sklearn.base import clone

    then = replace(data, train=period.train, validation=period.validation, test=period.test)
    again = clone(fitted).fit(period.train.features, period.train.labels)
    models = (again, fit_rule(spec.heuristic, then))
    ours, theirs = (forecasts.measured(each, period.test, policy) for each in models)
    return backtest.measured(period.as_of, data.horizon_days, len(period.test), ours, theirs)


def fit_rule(heuristic: str, data: TrainingSet) -> Model:
    """The plain rule on its one feature; if that is missing, on the first feature of its kind."""
    is_amount = data.train.labels.dtype.kind == "f"
    names = (
        data.feature_set.numbers
        if is_amount
        else data.feature_set.categories or data.feature_set.names
    )
    feature = heuristic if heuristic in names else names[0]
    rule = pipeline.amount_heuristic(feature) if is_amount else pipeline.choice_heuristic(feature)
    return rule.fit(data.train.features, data.train.labels)
