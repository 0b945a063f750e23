"""Trains a model that learns from labels: data, leakage check, fit, card, gates, promotion. The
trainers of probabilities and of forecasts add what is special to their kind.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Generic, Protocol, TypeVar

import numpy as np
import pandas as pd

from ml import threads
from ml.data import columns, dataset, frames
from ml.data.dataset import DataRefused, TrainingSet
from ml.estimators import Array, Model
from ml.evaluate import answers, drift, leakage, reasons
from ml.evaluate.answers import Answers, Ask
from ml.evaluate.gates import Gate, PromotionVerdict
from ml.evaluate.metrics import Interval, Vector
from ml.fit.search import BestFit, Dropped
from ml.policy import DriftPolicy, TrainingPolicy
from ml.registry import promotion, store
from ml.registry.protocols import ModelVersion, TrackedRun
from ml.registry.tracking import TESTED, Tracker, identity, log_model
from ml.spec import Learnt
from ml.trainers import realized, rules, runs, scoring
from ml.trainers.trainer import Proposal, TableRow, Trainer
from segmentry import clock, warehouse
from segmentry.errors import NotReadyError
from segmentry.settings import Settings
from segmentry.stages import RunContext, StageReport

LearntKind = TypeVar("LearntKind", bound=Learnt)


class Fitted(Protocol):
    """What a fit returns: the chosen model, and the best fit of each candidate."""

    @property
    def model(self) -> Model:
        """What is registered."""

    @property
    def tested(self) -> Model:
        """The fit that the figures and the gates are of."""

    @property
    def dropped(self) -> Sequence[Dropped]:
        """Candidates that could not be fitted."""

    @property
    def found(self) -> list[BestFit]:
        """What was searched."""


FittedKind = TypeVar("FittedKind", bound=Fitted)


class LabelledTrainer(Trainer[LearntKind], Generic[LearntKind, FittedKind]):
    """What probabilities and forecasts have in common."""

    @abstractmethod
    def fit(self, data: TrainingSet, policy: TrainingPolicy) -> FittedKind:
        """Search the candidates and choose, next to the plain rule."""

    @abstractmethod
    def evaluate(self, fitted: FittedKind, data: TrainingSet) -> None:
        """Log to the current run how good the fit is."""

    @abstractmethod
    def card(self, fitted: FittedKind, data: TrainingSet) -> str:
        """The model card."""

    def audit(
        self, settings: Settings, fitted: FittedKind, data: TrainingSet, policy: TrainingPolicy
    ) -> str:
        """The card's part on groups of people; nothing for a kind that has no such part."""
        return ""

    @abstractmethod
    def rule(self, data: TrainingSet) -> Model:
        """The plain rule that the model must beat, fitted."""

    @abstractmethod
    def judge(
        self, challenger: Model, champion: Model | None, data: TrainingSet, policy: TrainingPolicy
    ) -> PromotionVerdict:
        """How a challenger does at every gate, on the newest test window."""

    @abstractmethod
    def measures(
        self, models: Mapping[str, Model], data: TrainingSet, policy: TrainingPolicy
    ) -> list[TableRow]:
        """One row per metric on the test part, with a figure of each model."""

    @abstractmethod
    def realized(
        self, policy: TrainingPolicy, labels: Array, scores: Vector, outcomes: Array
    ) -> Mapping[str, Interval]:
        """Figures of scores that were given, once the outcomes are known."""

    @abstractmethod
    def answer(self, model: Model, features: pd.DataFrame) -> Answers:
        """The model's answer about each row."""

    @abstractmethod
    def summarize(self, run: TrackedRun) -> str:
        """How good the model of a run is, in a few words."""

    def verdicts(self, settings: Settings) -> pd.DataFrame | None:
        """People's verdicts on cases; None for a kind of model without reviews."""
        return None

    def note_outcomes(
        self, tracker: Tracker, champion: ModelVersion, model: Model, data: TrainingSet
    ) -> None:
        """Note how outcomes have moved since the champion's test; this does nothing."""

    def cases(
        self, as_of: datetime, people: pd.DataFrame, scores: Vector, challenged: Vector | None
    ) -> pd.DataFrame | None:
        """Cases for people to review; None for a kind of model without reviews."""
        return None

    def profile_columns(self) -> dict[str, str]:
        """Columns of scores by their names in profiles."""
        return {"score": f"{self.spec.name}_score"}

    def asked(self, model: Model) -> Ask:
        """The model as a function of rows."""
        return partial(self.answer, model)

    def train(self, context: RunContext) -> StageReport:
        """Train the model, and promote it if it passes the gates."""
        policy = TrainingPolicy.read(context.settings)
        tracker = self.tracker(context.settings)
        as_of = clock.of(context)
        verdicts = self.verdicts(context.settings)
        with frames.published(context.settings) as (lake, snapshot):
            try:
                data = dataset.load(lake, snapshot, self.spec, as_of, policy, verdicts)
            except DataRefused as refusal:
                return self._without_model(context, tracker, snapshot, str(refusal))
            leakage.check(lake, data)
        key = runs.training_key(self.spec, policy, as_of.isoformat(), data.content_hash)
        run = tracker.finished(key)
        is_new = run is None
        if run is None:
            try:
                self._fit_and_log(tracker, data, policy, key)
            except DataRefused as refusal:
                return self._without_model(context, tracker, data.snapshot, str(refusal))
            run = tracker.trained(key)
        report = self._decide(context, tracker, run, data, policy, is_new=is_new)
        return runs.with_remarks(report, self.spec.name, run)

    def _without_model(
        self, context: RunContext, tracker: Tracker, snapshot: int, reason: str
    ) -> StageReport:
        """Record the refusal; without a champion, the plain rule is published."""
        as_of = clock.of(context)
        name = self.spec.name
        report = runs.refuse(tracker, name, as_of.isoformat(), snapshot, reason)
        if tracker.at_alias("champion") is not None:
            return report
        run = runs.refused_run(tracker, name, as_of.isoformat(), snapshot, reason)
        return self._with_rule(context, tracker, report, run, reason)

    def _fit_and_log(
        self, tracker: Tracker, data: TrainingSet, policy: TrainingPolicy, key: str
    ) -> None:
        import mlflow

        tags = runs.tags(key, data.as_of, data.snapshot, data.content_hash, policy)
        name = f"{self.spec.name} as of {data.as_of:%Y-%m-%d %H:%M}"
        with tracker.run(name, tags) as run:
            fitted = self.fit(data, policy)
            runs.log_trials(tracker, fitted.found, run.info.run_id, policy)
            runs.log_set(self.spec.name, self.spec.horizon_days, data)
            self.evaluate(fitted, data)
            card = self.card(fitted, data) + self.audit(tracker.settings, fitted, data, policy)
            card += runs.log_dropped(fitted.dropped)
            mlflow.log_text(card, "model_card.md")
            mlflow.set_tag("mlflow.note.content", card)
            classifies = hasattr(fitted.model, "classes_")
            example = runs.example_rows(data.train.features)
            log_model(fitted.model, example, classifies=classifies)
            if fitted.tested is not fitted.model:
                tracker.keep(run.info.run_id, TESTED, fitted.tested, {})
        tracker.complete(run.info.run_id)

    def _decide(
        self, context: RunContext, tracker: Tracker, run: TrackedRun, data: TrainingSet,
        policy: TrainingPolicy, *, is_new: bool,
    ) -> StageReport:  # fmt: skip
        version = tracker.version_of(run)
        champion = tracker.at_alias("champion")
        name = self.spec.name
        rows = {f"training rows of {name}": len(data.train)}
        if promotion.is_settled(version, champion):
            if champion is None:
                why = f"version {version.version} was rolled back"
                report = StageReport(rows, [f"{name} has no champion; {why}"], status="unchanged")
                return self._with_rule(context, tracker, report, run, why)
            summary = self.summarize(tracker.run_of(champion))
            return runs.settled(rows, name, champion, summary)
        current = tracker.tested(champion) if champion else None
        found = self.judge(tracker.tested(version), current, data, policy)
        steady = self.steady(context, version, tracker.load(version))
        verdict = PromotionVerdict((*found.gates, steady))
        tracker.record_gates(version, verdict.gates)
        if champion is not None and current is not None:
            self.note_outcomes(tracker, champion, current, data)
        if verdict.passed:
            summary = self.summarize(run)
            return runs.promoted(tracker, rows, version, run.data.params["candidate"], summary)
        status = "done" if is_new else "unchanged"
        report = runs.refused(rows, name, champion, version, verdict, status)
        if champion is not None:
            return report
        why = f"version {version.version} is refused: {verdict.failures}"
        return self._with_rule(context, tracker, report, run, why)

    def _with_rule(
        self, context: RunContext, tracker: Tracker, report: StageReport, run: TrackedRun,
        reason: str,
    ) -> StageReport:  # fmt: skip
        """Publish the plain rule, which the run keeps; the report names it."""
        with frames.published(context.settings) as (lake, _):
            note = rules.publish(tracker, self.spec, lake, run, clock.of(context), reason)
        return replace(report, notes=[*report.notes, note])

    def steady(self, context: RunContext, version: ModelVersion, challenger: Model) -> Gate:
        """The gate on drift: the people to score are like those of the test; drift of both features
        and scores bars promotion.
        """
        tracker = self.tracker(context.settings)
        if not tracker.has_artifact(version.run_id, drift.ARTIFACT):
            return Gate("drift", True, "no reference to compare with")
        people = self.people(context, challenger)
        if not len(people):
            return Gate("drift", True, "nobody to score")
        scores = self.rows(challenger, people, clock.of(context), "")["score"]
        limits = DriftPolicy.read(context.settings)
        return scoring.steadiness(scoring.shifts(tracker, version, people, scores, limits), limits)

    def training_set(self, context: RunContext) -> TrainingSet:
        """Today's training set, checked for leaks; NotReadyError where the data are too thin to
        compare models on.
        """
        policy = TrainingPolicy.read(context.settings)
        with frames.published(context.settings) as (lake, snapshot):
            try:
                data = dataset.load(lake, snapshot, self.spec, clock.of(context), policy)
            except DataRefused as refusal:
                raise NotReadyError(
                    f"{self.spec.name} cannot be judged: {refusal}",
                    remedy="load more history, then run again",
                ) from None
            leakage.check(lake, data)
        return data

    def verdict(self, context: RunContext, version: ModelVersion) -> PromotionVerdict:
        """How a version does at every gate, today."""
        tracker = self.tracker(context.settings)
        policy = TrainingPolicy.read(context.settings)
        champion = tracker.at_alias("champion")
        current = tracker.tested(champion) if champion is not None else None
        found = self.judge(tracker.tested(version), current, self.training_set(context), policy)
        steady = self.steady(context, version, tracker.load(version))
        return PromotionVerdict((*found.gates, steady))

    def compare(self, context: RunContext, versions: Mapping[str, ModelVersion]) -> list[TableRow]:
        """The versions and the plain rule side by side on the newest test window, each metric with
        its 90% interval.
        """
        policy = TrainingPolicy.read(context.settings)
        tracker = self.tracker(context.settings)
        data = self.training_set(context)
        models: dict[str, Model] = {
            f"{role} {version.version}": tracker.tested(version)
            for role, version in versions.items()
        }
        return self.measures({**models, "heuristic": self.rule(data)}, data, policy)

    def propose(self, context: RunContext, version: ModelVersion) -> Proposal:
        """The scores the version would give, and its choices where it chooses."""
        model = self.tracker(context.settings).load(version)
        people = self.people(context, model)
        rows = self.rows(model, people, clock.of(context), version.version)
        names = self.profile_columns()
        return Proposal(rows.rename(columns=names), list(names.values()))

    def rows(
        self, model: Model, people: pd.DataFrame, as_of: datetime, version: str
    ) -> pd.DataFrame:
        """Rows of ml.scores; ``attrs['at']`` is when they were made."""
        at = datetime.now(UTC).replace(tzinfo=None)
        answered = Answers(np.zeros(0), None)
        if len(people):
            features = columns.expected_columns(model, people)
            answered = answers.of_all(self.asked(model), features)
        rows = pd.DataFrame(
            {
                "profile_id": people["profile_id"].to_numpy(),
                "model": self.spec.name,
                "as_of": as_of,
                "score": answered.scores,
            }
        )
        rows["outcome"] = pd.Series(answered.outcomes, index=rows.index, dtype=object)
        rows["model_version"] = version
        rows["scored_at"] = at
        rows.attrs["at"] = at
        return rows

    def score(self, context: RunContext) -> StageReport:
        """Write ml.scores, with their reasons, drift and cases."""
        tracker = self.tracker(context.settings)
        name = self.spec.name
        champion = tracker.published()
        if champion is None:
            return StageReport(
                notes=[f"{name} has no champion and no rule: nothing is scored"], status="skipped"
            )
        as_of = clock.of(context)
        limits = DriftPolicy.read(context.settings)
        model = tracker.load(champion)
        version = str(champion.version)
        people = self.people(context, model)
        outcomes = scoring.outcomes_at(tracker, as_of)
        content = dataset.content_hash(people, identity(champion), repr(outcomes))
        with warehouse.connect(context.settings) as lake:
            store.ensure(context.settings, lake)
            turned_out = partial(self.realized, TrainingPolicy.read(context.settings))
            kept = realized.measure(context.settings, lake, self.spec, as_of, turned_out)
            if store.is_current(lake, name, as_of, version, content):
                return StageReport(
                    {"ml.scores": 0}, [f"{name} {version}: unchanged", *kept], status="unchanged"
                )
            rows = self.rows(model, people, as_of, version)
            moved = scoring.shifts(tracker, champion, people, rows["score"], limits)
            # Many small predictions: a second thread would spin more than it helps.
            with threads.limited(TrainingPolicy.read(context.settings)):
                challenged = self._shadow(tracker, champion, people, as_of)
                extra = self._next_to_scores(model, challenged, people, rows)
            done = store.run_row(name, as_of, version, content, len(rows), rows.attrs["at"])
            writes = {"ml.scores": rows, **extra, "ml.score_runs": done}
            same: list[object] = [name, as_of]
            measured = scoring.backtest_writes(tracker, name, champion)
            shifted = scoring.drift_writes(name, as_of, version, moved, outcomes, limits)
            replaced = [(to, scoring.SAME_RUN, same, made) for to, made in writes.items()]
            store.replace_rows(context.settings, lake, [*replaced, *shifted, *measured])
        notes = [f"{name} {version}: {len(rows):,} people scored"]
        notes += [*drift.note(moved, limits), *kept]
        return StageReport({"ml.scores": len(rows)}, notes)

    def _shadow(
        self, tracker: Tracker, champion: ModelVersion, people: pd.DataFrame, as_of: datetime
    ) -> pd.DataFrame | None:
        """The newest challenger's scores of the same people; None if there is none, or it was
        champion.
        """
        newest = next(iter(tracker.versions()), None)
        if newest is None or promotion.is_settled(newest, champion):
            return None
        model = tracker.load(newest)
        expected = columns.expected_columns(model, people)
        if expected.isna().all().any():  # a feature that the champion's matrix does not have
            return None
        return self.rows(model, people, as_of, str(newest.version))

    def _next_to_scores(
        self, model: Model, challenged: pd.DataFrame | None, people: pd.DataFrame,
        rows: pd.DataFrame,
    ) -> dict[str, pd.DataFrame]:  # fmt: skip
        """What is written next to the scores: their reasons, the challenger's scores, cases to
        review.
        """
        if not len(people):
            return {}
        as_of = rows["as_of"].iloc[0]
        scores = rows["score"].to_numpy()
        why = reasons.of_scores(self.asked(model), model, people, scores)
        found = {"ml.score_reasons": why.assign(model=self.spec.name, as_of=as_of)}
        if challenged is not None:
            found["ml.shadow_scores"] = challenged.drop(columns="scored_at")
        other = None if challenged is None else challenged["score"].to_numpy()
        cases = self.cases(as_of, people, scores, other)
        return found if cases is None else {**found, "ml.reviews": cases}
