"""Trains and scores a ForecastSpec: an amount or a choice, judged by its loss and its sum."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ml.data import columns
from ml.data.dataset import TrainingSet
from ml.estimators import Array, Model
from ml.evaluate import forecasts as quality
from ml.evaluate.answers import Answers
from ml.evaluate.gates import PromotionVerdict
from ml.evaluate.metrics import Interval, Vector
from ml.fit import forecasts
from ml.fit.forecasts import FittedForecast
from ml.policy import TrainingPolicy
from ml.registry import card
from ml.registry.protocols import TrackedRun
from ml.spec import ForecastSpec
from ml.trainers import runs
from ml.trainers.labelled import LabelledTrainer
from ml.trainers.trainer import TableRow


class ForecastTrainer(LabelledTrainer[ForecastSpec, FittedForecast]):
    """An amount per person, or the most likely of several choices."""

    def fit(self, data: TrainingSet, policy: TrainingPolicy) -> FittedForecast:
        """The best candidate by validation."""
        return forecasts.fit(self.spec, data, policy)

    def evaluate(self, fitted: FittedForecast, data: TrainingSet) -> None:
        """Log the measures of the chosen candidate and of the rule, and what drift is measured
        against.
        """
        import mlflow

        chosen = fitted.chosen
        mlflow.log_params(
            {"candidate": chosen.candidate, "unit": self.spec.unit, **chosen.best.parameters}
        )
        for prefix, name in (("test", chosen.candidate), ("heuristic", "rule")):
            found = fitted.table[name]
            mlflow.log_metrics({f"{prefix}_{metric}": i.value for metric, i in found.items()})
            ends = {f"{prefix}_{metric}_low": i.low for metric, i in found.items()}
            ends |= {f"{prefix}_{metric}_high": i.high for metric, i in found.items()}
            mlflow.log_metrics(ends)
        runs.log_periods(fitted.periods)
        forecast = quality.predict(fitted.model, data.test)[1]
        runs.log_reference(self.asked(fitted.model), data, forecast)

    def card(self, fitted: FittedForecast, data: TrainingSet) -> str:
        """The model card, all candidates side by side."""
        return card.write_forecast(self.spec, data, fitted)

    def rule(self, data: TrainingSet) -> Model:
        """The plain rule on its one feature."""
        return forecasts.fit_rule(self.spec.heuristic, data)

    def judge(
        self, challenger: Model, champion: Model | None, data: TrainingSet, policy: TrainingPolicy
    ) -> PromotionVerdict:
        """Loss, pace, and the sum of amounts."""
        return quality.judge(challenger, self.rule(data), champion, data, policy)

    def measures(
        self, models: Mapping[str, Model], data: TrainingSet, policy: TrainingPolicy
    ) -> list[TableRow]:
        """Each measure of the kind of label with its 90% interval."""
        found = {
            name: quality.measured(model, columns.fitted_to(model, data.test), policy)
            for name, model in models.items()
        }
        names = next(iter(found.values()))
        return [{"metric": n, **{r: str(f[n]) for r, f in found.items()}} for n in names]

    def realized(
        self, policy: TrainingPolicy, labels: Array, scores: Vector, outcomes: Array
    ) -> Mapping[str, Interval]:
        """The measures of forecasts that were given."""
        return quality.realized(labels, scores, outcomes, policy)

    def answer(self, model: Model, features: pd.DataFrame) -> Answers:
        """The amount, at most the spec's largest; or the most likely choice and its probability."""
        if not hasattr(model, "classes_"):
            amounts = np.asarray(model.predict(features), dtype=np.float64)
            return Answers(np.clip(amounts, 0.0, self.spec.most), None)
        chances = model.predict_proba(features)
        choices = np.asarray(model.classes_, dtype=object)
        return Answers(chances.max(axis=1), choices[chances.argmax(axis=1)])

    def summarize(self, run: TrackedRun) -> str:
        """The error on the test part, next to the rule's."""
        name = "log_loss" if self.spec.is_choice else "mean_absolute_error"
        return runs.quoted(run, name, name.replace("_", " "))

    def profile_columns(self) -> dict[str, str]:
        """The score, and the choice under the model's own name."""
        return {**super().profile_columns(), "outcome": self.spec.name}
