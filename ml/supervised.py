"""Trains one ModelSpec: data, leakage check, search, calibration, evaluation, MLflow, gates."""

from __future__ import annotations

import hashlib
import inspect
import time
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ml import (
    calibration,
    candidates,
    card,
    dataset,
    drift,
    evaluation,
    frames,
    leakage,
    metrics,
    pipeline,
    plots,
    promotion,
    search,
    threads,
)
from ml.dataset import Refused, TrainingSet
from ml.evaluation import Evaluation
from ml.policy import TrainingPolicy
from ml.search import Found
from ml.spec import ModelSpec
from ml.tracking import Tracker, log_model
from segmentry import clock
from segmentry.stages import RunContext, StageReport


@dataclass(frozen=True)
class Trained:
    """The chosen, calibrated model beside the heuristic, and how both did."""

    model: Any
    rule: Any
    chosen: Found
    found: list[Found]
    ours: Evaluation
    theirs: Evaluation


def train(context: RunContext, spec: ModelSpec) -> StageReport:
    """Train the model as of the context's time and promote it if it passes the gates.

    The same spec, policy, time and data give the same training key; a complete run with that key is used again.
    """
    policy = TrainingPolicy.read(context.settings)
    tracker = Tracker(context.settings, spec.name)
    as_of = clock.of(context)
    with frames.published(context.settings) as (lake, snapshot):
        try:
            data = dataset.load(lake, snapshot, spec, as_of, policy)
        except Refused as refusal:
            return refuse(tracker, spec.name, as_of.isoformat(), snapshot, str(refusal))
        leakage.check(lake, data)
    key = training_key(spec, policy, as_of.isoformat(), data.content_hash)
    run = tracker.finished(key)
    is_new = run is None
    if run is None:
        _fit_and_log(tracker, spec, data, policy, key)
        run = tracker.finished(key)
    return _decide(tracker, run, spec, data, policy, is_new=is_new)


def training_key(spec: Any, policy: TrainingPolicy, as_of: str, content: str) -> str:
    """What makes two trainings the same: the model's file, the policy, the time and the data."""
    source = inspect.getsource(inspect.getmodule(spec.estimator))  # type: ignore[arg-type]
    return hashlib.sha256("\0".join([spec.name, source, repr(policy), as_of, content]).encode()).hexdigest()[:40]


def refuse(tracker: Tracker, model: str, as_of: str, snapshot: int, reason: str) -> StageReport:
    """Record in MLflow that the data do not allow training; the job goes on without this model's scores."""
    key = hashlib.sha256("\0".join([model, as_of, reason]).encode()).hexdigest()[:40]
    if tracker.finished(key) is None:
        tags = {
            "segmentry.key": key,
            "segmentry.as_of": as_of,
            "segmentry.snapshot_id": str(snapshot),
            "segmentry.refused": reason,
        }
        with tracker.run(f"refused as of {as_of}", tags) as run:
            pass
        tracker.complete(run.info.run_id)
    return StageReport(notes=[f"{model} is not trained: {reason}"], status="refused")


def fit(spec: ModelSpec, data: TrainingSet, policy: TrainingPolicy) -> Trained:
    """Search all candidates, calibrate the best, and evaluate it and the heuristic on the test part."""
    with threads.limited(policy):
        deadline = time.monotonic() + policy.seconds_per_model
        found = [search.search(c, data, policy, deadline) for c in candidates.of(spec)]
        chosen = min(found, key=lambda f: f.best.loss)
        model = calibration.calibrate(chosen.fitted, data.validation)
        rule = fit_rule(spec, data)
        theirs = _evaluate(rule, spec, data, policy)
        return Trained(model, rule, chosen, found, _evaluate(model, spec, data, policy), theirs)


def fit_rule(spec: ModelSpec, data: TrainingSet) -> Any:
    """The heuristic's one feature as a probability; a feature that is gone falls back to the first number there is."""
    feature = spec.heuristic if spec.heuristic in data.menu.numbers else data.menu.numbers[0]
    return pipeline.heuristic(feature).fit(data.train.features, data.train.labels)


def _evaluate(model: Any, spec: ModelSpec, data: TrainingSet, policy: TrainingPolicy) -> Evaluation:
    held = evaluation.probabilities(model, data.validation)
    threshold = metrics.cheapest_threshold(data.validation.labels, held, spec.costs)
    return evaluation.evaluate(spec, data.test, evaluation.probabilities(model, data.test), threshold, policy)


def _fit_and_log(tracker: Tracker, spec: ModelSpec, data: TrainingSet, policy: TrainingPolicy, key: str) -> None:
    tags = {
        "segmentry.key": key,
        "segmentry.as_of": data.as_of.isoformat(),
        "segmentry.snapshot_id": str(data.snapshot),
        "segmentry.content": data.content_hash,
    }
    with tracker.run(f"{spec.name} as of {data.as_of:%Y-%m-%d %H:%M}", tags) as run:
        trained = fit(spec, data, policy)
        _log_trials(tracker, trained, run.info.run_id)
        _log_set(spec, data)
        _log_quality(spec, data, trained)
        log_model(trained.model, example_rows(data.train.features), classifies=True)
    tracker.complete(run.info.run_id)


def _log_trials(tracker: Tracker, trained: Trained, parent: str) -> None:
    for found in trained.found:
        for number, trial in enumerate(found.trials):
            tracker.log_trial(
                parent,
                f"{found.candidate} {number}",
                {"candidate": found.candidate, **trial.parameters},
                {"validation_log_loss": trial.loss, "fit_seconds": trial.seconds},
            )


def _log_set(spec: ModelSpec, data: TrainingSet) -> None:
    import mlflow
    from mlflow.data.pandas_dataset import from_pandas

    shown = data.train.features.assign(label=data.train.labels)
    mlflow.log_input(from_pandas(shown, name=f"{spec.name}_{data.content_hash[:12]}", targets="label"), "training")
    mlflow.log_text(data.query, "training_set.sql")
    mlflow.log_params({f"{name}_rows": len(part) for name, part in data.parts.items()})
    mlflow.log_params({"features": len(data.menu.names), "horizon_days": spec.horizon_days})


def _log_quality(spec: ModelSpec, data: TrainingSet, trained: Trained) -> None:
    import mlflow

    mlflow.log_params({"candidate": trained.chosen.candidate, **trained.chosen.best.parameters})
    mlflow.log_metrics({**trained.ours.flat("test"), **trained.theirs.flat("heuristic")})
    mlflow.log_dict(trained.ours.by_group, "auc_by_group.json")
    # The newest people it was judged on are the nearest to those it will score.
    mlflow.log_dict(drift.reference(data.test.features, trained.ours.scores), drift.ARTIFACT)
    title = f"{spec.name} on the test part, as of {data.test.keys['as_of'].max():%Y-%m-%d}"
    scores = (trained.ours.scores, trained.theirs.scores)
    mlflow.log_figure(
        plots.evaluation(data.test.labels, *scores, spec.costs, trained.ours.threshold, title), "evaluation.png"
    )
    text = card.write(spec, data, trained.chosen, trained.found, trained.ours, trained.theirs)
    mlflow.log_text(text, "model_card.md")
    mlflow.set_tag("mlflow.note.content", text)


def example_rows(features: pd.DataFrame) -> pd.DataFrame:
    """Rows of quartiles and of the commonest categories: what input looks like, and nobody's data."""
    made = {}
    for name in features:
        column = features[name]
        if column.dtype == object:
            made[name] = pd.Series([column.mode().iloc[0]] * 3)
        else:
            made[name] = column.quantile([0.25, 0.5, 0.75]).fillna(0.0).reset_index(drop=True)
    return pd.DataFrame(made)


def _decide(
    tracker: Tracker, run: Any, spec: ModelSpec, data: TrainingSet, policy: TrainingPolicy, *, is_new: bool
) -> StageReport:
    version = tracker.version_of(run)
    champion = tracker.at_alias("champion")
    reached, plain = run.data.metrics["test_roc_auc"], run.data.metrics["heuristic_roc_auc"]
    auc = f"test AUC {reached:.3f} against {plain:.3f} of the heuristic"
    rows = {f"training rows of {spec.name}": len(data.train)}
    if champion is not None and promotion.is_settled(version, champion):
        return StageReport(rows, [f"{spec.name} {champion.version} stays champion ({auc})"], status="unchanged")
    challenger, rule = tracker.load(version), fit_rule(spec, data)
    verdict = promotion.judge(challenger, rule, tracker.load(champion) if champion else None, data, spec, policy)
    tracker.record_gates(version, verdict.gates)
    if verdict.passed:
        promotion.promote(tracker, version, auc)
        return StageReport(rows, [f"{spec.name} {version.version} ({run.data.params['candidate']}) is champion: {auc}"])
    kept = f"{spec.name} {champion.version} stays champion" if champion else f"{spec.name} has no champion"
    note = f"{kept}; version {version.version} is refused: {verdict.failures}"
    return StageReport(rows, [note], status="done" if is_new else "unchanged")
