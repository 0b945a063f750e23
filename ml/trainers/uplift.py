"""Trains and scores an UpliftSpec: the propensity check, cross-fitted learners, Qini, gates."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from ml import threads
from ml.data import dataset, frames, trials
from ml.data.dataset import DataRefused
from ml.data.trials import TrialRows
from ml.estimators import Model
from ml.evaluate import targets, uplift
from ml.evaluate.gates import Gate, PromotionVerdict
from ml.fit import uplift as learners
from ml.policy import TrainingPolicy
from ml.registry import promotion, provenance, store
from ml.registry.protocols import ModelVersion, TrackedRun
from ml.registry.tracking import Tracker, identity, log_model
from ml.spec import UpliftSpec
from ml.trainers import runs, scoring
from ml.trainers.trainer import Proposal, TableRow, Trainer
from segmentry import clock, warehouse
from segmentry.stages import RunContext, StageReport

_FAR = 1e9  # an interval without an end, as MLflow and JSON have no infinity


class UpliftTrainer(Trainer[UpliftSpec]):
    """What a treatment adds, per person."""

    def train(self, context: RunContext) -> StageReport:
        """Learn from the trial known at the context's time; without a large enough trial, or one
        whose treatment was not random, a refusal in the notes.
        """
        settings = context.settings
        policy = TrainingPolicy.read(settings)
        tracker = self.tracker(settings)
        as_of = clock.of(context)
        name = self.spec.name
        with frames.published(settings) as (lake, snapshot):
            try:
                trial = trials.load(lake, self.spec, as_of, policy)
                key = runs.training_key(self.spec, policy, as_of.isoformat(), trial.content_hash)
                if (run := tracker.finished(key)) is None:
                    tags = runs.tags(key, as_of, snapshot, trial.content_hash, policy)
                    self._fit_and_log(tracker, trial, policy, tags)
                    run = tracker.trained(key)
            except DataRefused as refusal:
                return runs.refuse(tracker, name, as_of.isoformat(), snapshot, str(refusal))
        return self._decide(tracker, run, len(trial.outcome))

    def _fit_and_log(
        self, tracker: Tracker, trial: TrialRows, policy: TrainingPolicy, tags: dict[str, str]
    ) -> None:
        import mlflow

        data = learners.Learning(
            trial.features, trial.treated, trial.outcome, trial.feature_set, self.spec.estimator,
            policy.seed,
        )  # fmt: skip
        with threads.limited(policy):
            check = uplift.assignment(trial.treated, learners.assignment_scores(data))
            if not check.is_random:
                raise DataRefused(
                    f"the treatment was not random: {check}; uplift needs a hold-out or experiment"
                    " that is drawn by chance, so find what decides who is treated"
                )
            scores = learners.out_of_fold(data)
            model = learners.dr_model(data)
        known = uplift.RandomTrial(trial.treated, trial.outcome)
        found = targets.measure(known, scores[learners.SERVED])
        name = f"{self.spec.name} as of {tags['segmentry.as_of']}"
        with tracker.run(name, tags) as run:
            mlflow.log_params(
                {"people": len(trial.outcome), "treated": int(trial.treated.sum()),
                 "algorithm": learners.SERVED}
            )  # fmt: skip
            provenance.log_rows(
                trial.features.assign(label=trial.outcome), "training",
                name=f"{self.spec.name}_{trial.content_hash[:12]}",
                digest=trial.content_hash[:32], snapshot=int(tags["segmentry.snapshot_id"]),
                targets="label",
            )  # fmt: skip
            mlflow.log_metrics({"assignment_auc": check.auc, **_figures(known, scores)})
            mlflow.log_dict(found, targets.ARTIFACT)
            mlflow.log_text(_card(self.spec, known, scores, str(check)), "model_card.md")
            log_model(model, runs.example_rows(trial.features), classifies=False)
        tracker.complete(run.info.run_id)

    def _decide(self, tracker: Tracker, run: TrackedRun, people: int) -> StageReport:
        version = tracker.version_of(run)
        champion = tracker.at_alias("champion")
        name = self.spec.name
        rows = {f"training rows of {name}": people}
        verdict = _judged(run.data.metrics)
        summary = verdict.gates[0].detail
        if champion is not None and promotion.is_settled(version, champion):
            return runs.settled(rows, name, champion, summary)
        tracker.record_gates(version, verdict.gates)
        if verdict.passed:
            return runs.promoted(tracker, rows, version, learners.SERVED, summary)
        return runs.refused(rows, name, champion, version, verdict)

    def verdict(self, context: RunContext, version: ModelVersion) -> PromotionVerdict:
        """How a version does at every gate, on the trial that it was cross-fitted on."""
        return _judged(self.tracker(context.settings).run_of(version).data.metrics)

    def compare(self, context: RunContext, versions: Mapping[str, ModelVersion]) -> list[TableRow]:
        """The metrics that the versions' runs have logged."""
        return runs.logged_metrics(self.tracker(context.settings), versions)

    def propose(self, context: RunContext, version: ModelVersion) -> Proposal:
        """The scores that the version would write."""
        model = self.tracker(context.settings).load(version)
        rows = self.rows(model, self.people(context, model), clock.of(context), version.version)
        column = f"{self.spec.name}_score"
        return Proposal(rows.rename(columns={"score": column}), [column])

    def rows(
        self, model: Model, people: pd.DataFrame, as_of: datetime, version: str
    ) -> pd.DataFrame:
        """Rows of ml.scores: the expected effect on each person."""
        names = [str(name) for name in model.feature_names_in_]
        scores = model.predict(people[names]) if len(people) else np.zeros(0)
        scores = scores + _apart(people["profile_id"], float(np.std(scores)) if len(people) else 0)
        made = pd.DataFrame(
            {"profile_id": people["profile_id"].to_numpy(), "model": self.spec.name,
             "as_of": as_of, "score": scores}
        )  # fmt: skip
        made["model_version"] = str(version)
        made["scored_at"] = datetime.now(UTC).replace(tzinfo=None)
        return made

    def score(self, context: RunContext) -> StageReport:
        """Write ml.scores; without a champion a note."""
        tracker = self.tracker(context.settings)
        name = self.spec.name
        champion = tracker.at_alias("champion")
        if champion is None:
            notes = [f"{name} has no champion: no trial shows which people sending persuades"]
            return StageReport(notes=notes, status="skipped")
        as_of = clock.of(context)
        model = tracker.load(champion)
        version = str(champion.version)
        people = self.people(context, model)
        content = dataset.content_hash(people, identity(champion))
        with warehouse.connect(context.settings) as lake:
            store.ensure(context.settings, lake)
            if store.is_current(lake, name, as_of, version, content):
                notes = [f"{name} {version}: unchanged"]
                return StageReport({"ml.scores": 0}, notes, status="unchanged")
            with threads.limited(TrainingPolicy.read(context.settings)):
                rows = self.rows(model, people, as_of, version)
            at = datetime.now(UTC).replace(tzinfo=None)
            done = store.run_row(name, as_of, version, content, len(rows), at)
            same: list[Any] = [name, as_of]
            made = {"ml.scores": rows, "ml.score_runs": done}
            writes = [(to, scoring.SAME_RUN, same, table) for to, table in made.items()]
            store.replace_rows(context.settings, lake, writes)
        return StageReport(
            {"ml.scores": len(rows)}, [f"{name} {version}: {len(rows):,} people scored"]
        )


def _apart(profiles: pd.Series, spread: float) -> np.ndarray:
    """Less than a thousandth of the spread per profile, always the same: without it a budget could
    not divide people of equal effect, as a segment reads nothing but the score.
    """
    parts = [int(hashlib.sha256(str(one).encode()).hexdigest()[:12], 16) for one in profiles]
    return np.array(parts, dtype=np.float64) / 16**12 * spread / 1000


def _figures(trial: uplift.RandomTrial, scores: Mapping[str, np.ndarray]) -> dict[str, float]:
    served = scores[learners.SERVED]
    found = {f"qini_{name}": uplift.qini(trial, one) for name, one in scores.items()}
    found["qini_over_response"] = uplift.qini_gain(trial, served, scores["response"])
    found["average_effect"] = uplift.difference(trial.treated, trial.outcome)
    found["uplift_at_30"] = uplift.uplift_at(trial, served, 0.3)
    found["gain_at_30_over_random"] = uplift.gain_over_random(trial, served, 0.3)
    return {
        name + end: float(np.clip(value, -_FAR, _FAR))
        for name, one in found.items()
        for end, value in (("", one.value), ("_low", one.low), ("_high", one.high))
    }


def _judged(metrics: Mapping[str, float]) -> PromotionVerdict:
    name = f"qini_{learners.SERVED}"
    low = metrics[f"{name}_low"]
    detail = f"Qini {metrics[name]:.4f} [{low:.4f}, {metrics[f'{name}_high']:.4f}] (random: 0)"
    return PromotionVerdict((Gate("better than random", low > 0, detail),))


def _card(
    spec: UpliftSpec, trial: uplift.RandomTrial, scores: Mapping[str, np.ndarray], check: str
) -> str:
    figures = _figures(trial, scores)
    names = [name for name in figures if not name.endswith(("_low", "_high"))]
    return "\n".join(
        [
            f"# {spec.name}",
            "",
            f"{spec.description} The score is {spec.unit}; served: **{learners.SERVED}**.",
            "",
            f"{len(trial.outcome)} people, {int(trial.treated.sum())} of them treated; {check}.",
            "",
            "| out of fold | value | 95% interval |",
            "|---|---:|---|",
            *(
                f"| {n.replace('_', ' ')} | {figures[n]:.4f} |"
                f" {figures[n + '_low']:.4f} to {figures[n + '_high']:.4f} |"
                for n in names
            ),
            "",
            "## Calibration (fifths of the ranking)",
            *(
                f"- {one.people} people: predicted {one.predicted:.3f}, measured {one.measured}"
                for one in uplift.calibration(trial, scores[learners.SERVED])
            ),
            "",
        ]
    )
