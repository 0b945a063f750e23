"""Trains and scores a ModelSpec: a calibrated probability, judged by ranking, calibration and
groups.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import pandas as pd

from ml.data import columns, frames, traits
from ml.data.dataset import TrainingSet
from ml.estimators import Array, Model
from ml.evaluate import evaluation, fairness, gates, losses, metrics, plots, reviews
from ml.evaluate.answers import Answers
from ml.evaluate.gates import PromotionVerdict
from ml.evaluate.metrics import Interval, Vector
from ml.fit import supervised
from ml.fit.supervised import Trained
from ml.policy import TrainingPolicy
from ml.registry import card
from ml.registry.protocols import ModelVersion, TrackedRun
from ml.registry.tracking import Tracker
from ml.spec import ModelSpec
from ml.trainers import runs, scoring
from ml.trainers.labelled import LabelledTrainer
from ml.trainers.trainer import TableRow
from segmentry.settings import Settings


class ProbabilityTrainer(LabelledTrainer[ModelSpec, Trained]):
    """A probability per person."""

    def fit(self, data: TrainingSet, policy: TrainingPolicy) -> Trained:
        """The best candidate, calibrated, and finished with the newest outcomes."""
        return supervised.fit(self.spec, data, policy)

    def evaluate(self, fitted: Trained, data: TrainingSet) -> None:
        """Log metrics, groups, the figure, and what drift is measured against."""
        import mlflow

        mlflow.log_params(runs.chosen_parameters(fitted.chosen))
        mlflow.log_metrics({**fitted.ours.flat("test"), **fitted.theirs.flat("heuristic")})
        mlflow.log_metric("test_rate", float(data.test.labels.mean()))
        runs.log_periods(fitted.periods)
        mlflow.log_dict(fitted.ours.by_group, "auc_by_group.json")
        scored = evaluation.probabilities(fitted.model, data.test)
        runs.log_reference(self.asked(fitted.model), data, scored)
        as_of = data.test.keys["as_of"].max()
        title = f"{self.spec.name} on the test part, as of {as_of:%Y-%m-%d}"
        scores = (fitted.ours.scores, fitted.theirs.scores)
        threshold = fitted.ours.threshold
        figure = plots.evaluation(data.test.labels, *scores, self.spec.costs, threshold, title)
        mlflow.log_figure(figure, "evaluation.png")
        if data.unreviewed is not None:
            _log_verdicts(data, fitted)

    def card(self, fitted: Trained, data: TrainingSet) -> str:
        """The model card."""
        return card.write(self.spec, data, fitted)

    def audit(
        self, settings: Settings, fitted: Trained, data: TrainingSet, policy: TrainingPolicy
    ) -> str:
        """Figures by age band, gender, country and device, at the thresholds of the segments that
        read the score, and else at the cheapest one.
        """
        from ml.evaluate import thresholds

        with frames.published(settings) as (lake, _):
            known = traits.of_people(lake, data.test.keys["as_of"].max())
        selected = thresholds.of_segments(settings, f"{self.spec.name}_score") or {
            "the cheapest threshold": fitted.ours.threshold
        }
        found = fairness.audit(data.test, fitted.ours.scores, known, selected, policy)
        return runs.log_audit(found, policy)

    def rule(self, data: TrainingSet) -> Model:
        """The heuristic's one feature as a probability."""
        return supervised.fit_rule(self.spec.heuristic, data)

    def judge(
        self, challenger: Model, champion: Model | None, data: TrainingSet, policy: TrainingPolicy
    ) -> PromotionVerdict:
        """Ranking, calibration, groups and pace."""
        return gates.judge(challenger, self.rule(data), champion, data, self.spec.groups, policy)

    def measures(
        self, models: Mapping[str, Model], data: TrainingSet, policy: TrainingPolicy
    ) -> list[TableRow]:
        """Each metric with its 90% interval."""
        samples = metrics.draws(len(data.test), policy.resamples, policy.seed)
        scores = {
            name: evaluation.probabilities(model, columns.fitted_to(model, data.test))
            for name, model in models.items()
        }
        labels = data.test.labels
        return [
            {
                "metric": metric,
                **{n: str(metrics.interval(of, labels, s, samples)) for n, s in scores.items()},
            }
            for metric, of in evaluation.MEASURES.items()
        ]

    def realized(
        self, policy: TrainingPolicy, labels: Array, scores: Vector, outcomes: Array
    ) -> Mapping[str, Interval]:
        """Every metric of scores that were given."""
        samples = metrics.draws(len(labels), policy.resamples, policy.seed)
        return {
            metric: metrics.interval(of, labels, scores, samples)
            for metric, of in evaluation.MEASURES.items()
        }

    def answer(self, model: Model, features: pd.DataFrame) -> Answers:
        """The probability of a true label."""
        return Answers(model.predict_proba(features)[:, 1], None)

    def summarize(self, run: TrackedRun) -> str:
        """The AUC on the test part, next to the heuristic's."""
        return runs.quoted(run, "roc_auc", "AUC")

    def verdicts(self, settings: Settings) -> pd.DataFrame | None:
        """People's verdicts on cases: labels that replace outcomes."""
        return reviews.verdicts(settings, self.spec.name)

    def note_outcomes(
        self, tracker: Tracker, champion: ModelVersion, model: Model, data: TrainingSet
    ) -> None:
        """Note how often the outcome is true, and the champion's calibration error: at its test and
        now.

        The next scoring at this time writes it to the lake, so that models can be trained alongside
        each other.
        """
        then = tracker.run_of(champion).data.metrics
        scores = evaluation.probabilities(model, columns.fitted_to(model, data.test))
        rate = float(data.test.labels.mean())
        error = metrics.calibration_error(data.test.labels, scores)
        tracker.note(
            scoring.OUTCOMES,
            {
                "as_of": data.as_of.isoformat(),
                "version": str(champion.version),
                "rate": [then.get("test_rate", rate), rate],
                "error": [then.get("test_ece", error), error],
            },
        )

    def cases(
        self, as_of: datetime, people: pd.DataFrame, scores: Vector, challenged: Vector | None
    ) -> pd.DataFrame | None:
        """Cases whose review by a person would help the model most."""
        return reviews.cases(self.spec.name, as_of, people, scores, challenged)


def _log_verdicts(data: TrainingSet, trained: Trained) -> None:
    """What people's verdicts gained: validation loss of the same candidate without them, less that
    with them.
    """
    import mlflow
    from sklearn.base import clone

    assert data.unreviewed is not None
    plain = clone(trained.chosen.fitted).fit(data.unreviewed.features, data.unreviewed.labels)
    without = float(losses.each(plain, data.validation).mean())
    mlflow.log_metric("verdict_gain", without - trained.chosen.best.loss)
    mlflow.log_param("verdict_rows", len(data.train) - len(data.unreviewed))
