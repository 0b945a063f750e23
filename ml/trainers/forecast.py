"""Trains and scores a ForecastSpec: an amount or a choice, judged by its loss and its sum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ml.data import columns
from ml.data.dataset import TrainingSet
from ml.estimators import Array, Model
from ml.evaluate import forecast_plots, intervals
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
from segmentry.settings import Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
        mlflow.log_params({"unit": self.spec.unit, **runs.chosen_parameters(chosen)})
        for prefix, name in (("test", chosen.candidate), ("heuristic", "rule")):
            found = fitted.table[name]
            mlflow.log_metrics({f"{prefix}_{metric}": i.value for metric, i in found.items()})
            ends = {f"{prefix}_{metric}_low": i.low for metric, i in found.items()}
            ends |= {f"{prefix}_{metric}_high": i.high for metric, i in found.items()}
            mlflow.log_metrics(ends)
        runs.log_periods(fitted.periods)
        forecast = quality.predict(fitted.model, data.test)[1]
        runs.log_reference(self.asked(fitted.model), data, forecast)
        mlflow.log_figure(self._figure(fitted, data), "evaluation.png")

    def _figure(self, fitted: FittedForecast, data: TrainingSet) -> Figure:
        """Actual against predicted of the fit that the figures are of, on the test part."""
        chosen, numbers = quality.predict(fitted.tested, data.test)
        title = f"{self.spec.name} on the test part, as of {data.newest.as_of:%Y-%m-%d}"
        labels = data.test.labels
        if data.test.labels.dtype.kind == "f":
            unit = self.spec.unit
            return forecast_plots.amounts(
                labels, self._within(numbers), fitted.periods, unit, title
            )
        return forecast_plots.choices(labels, chosen, numbers, fitted.periods, title)

    def _within(self, amounts: Vector) -> Vector:
        return np.clip(amounts, 0.0, self.spec.most)

    def card(self, fitted: FittedForecast, data: TrainingSet) -> str:
        """The model card, all candidates side by side."""
        return card.write_forecast(self.spec, data, fitted)

    def audit(
        self, settings: Settings, fitted: FittedForecast, data: TrainingSet, policy: TrainingPolicy
    ) -> str:
        """The card's part on what single people come to; nothing for choices, or if the people are
        too few.
        """
        import mlflow

        if data.test.labels.dtype.kind != "f":
            return ""
        known, tested = (
            self._within(quality.predict(fitted.tested, part)[1])
            for part in (data.validation, data.test)
        )
        bands = intervals.fit(known, data.validation.labels)
        if not bands:
            return ""
        covered = intervals.coverage(bands, tested, data.test.labels)
        mlflow.log_dict(intervals.as_json(bands, covered), intervals.ARTIFACT)
        mlflow.log_metrics(
            {
                "interval_coverage": covered.value,
                "interval_coverage_low": covered.low,
                "interval_coverage_high": covered.high,
            }
        )
        return "\n".join(intervals.lines(bands, covered, self.spec.unit))

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
