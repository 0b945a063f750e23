"""Fits one ForecastSpec: its own candidate, its rivals and the plain rule, next to each other."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ml import threads
from ml.data.dataset import TrainingSet
from ml.estimators import Model
from ml.evaluate import forecasts, metrics
from ml.evaluate.metrics import Interval
from ml.fit import candidates, pipeline, search
from ml.fit.search import BestFit, Dropped
from ml.policy import TrainingPolicy
from ml.spec import ForecastSpec


@dataclass(frozen=True)
class FittedForecast:
    """The candidate chosen by validation, every candidate, and what each and the rule showed on the
    test part.
    """

    chosen: BestFit
    found: list[BestFit]
    table: Mapping[str, Mapping[str, Interval]]
    dropped: Sequence[Dropped] = ()

    @property
    def model(self) -> Model:
        """The chosen model."""
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
    return FittedForecast(searched.best, searched.found, table, searched.dropped)


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
