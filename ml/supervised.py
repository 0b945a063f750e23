"""Fits one ModelSpec: search, calibration, evaluation, and what of it is logged."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from ml import (
    calibration,
    candidates,
    card,
    dataset,
    drift,
    evaluation,
    losses,
    metrics,
    pipeline,
    plots,
    search,
    threads,
)
from ml.dataset import TrainingSet
from ml.evaluation import Evaluation
from ml.policy import TrainingPolicy
from ml.search import BestFit
from ml.spec import Learnt, ModelSpec
from ml.tracking import Tracker

SCHEMA_ROWS = 50


@dataclass(frozen=True)
class Trained:
    """The chosen, calibrated model, finished with the newest outcomes, and how it did before that;
    the heuristic.
    """

    model: Any
    rule: Any
    chosen: BestFit
    found: list[BestFit]
    ours: Evaluation
    theirs: Evaluation


def fit(spec: ModelSpec, data: TrainingSet, policy: TrainingPolicy) -> Trained:
    """Search all candidates, calibrate the best, evaluate it and the heuristic on the test part,
    finish the best.
    """
    with threads.limited(policy):
        deadline = time.monotonic() + policy.seconds_per_model
        found = search.search_all(candidates.of(spec), search.Prepared(data), policy, deadline)
        chosen = min(found, key=lambda f: f.best.loss)
        model = calibration.calibrate(chosen.fitted, data.validation)
        rule = fit_rule(spec, data)
        ours, theirs = (_evaluate(each, spec, data, policy) for each in (model, rule))
        return Trained(finished(chosen.fitted, data) or model, rule, chosen, found, ours, theirs)


def finished(fitted: Any, data: TrainingSet) -> Any | None:
    """The chosen candidate fitted once more, with the test's time too; None where the set has no
    further rows of it.

    The people tested on stay unseen. The newest outcomes matter most in a young shop, where nobody
    had been silent for long at the older times.
    """
    from sklearn.base import clone

    if data.recent is None:
        return None
    learn, check = (
        dataset.joined(*both)
        for both in zip((data.train, data.validation), data.recent, strict=True)
    )
    return calibration.calibrate(clone(fitted).fit(learn.features, learn.labels), check)


def fit_rule(spec: ModelSpec, data: TrainingSet) -> Any:
    """The heuristic's one feature as a probability; a feature that is gone falls back to the first
    number there is.
    """
    feature = (
        spec.heuristic
        if spec.heuristic in data.feature_set.numbers
        else data.feature_set.numbers[0]
    )
    return pipeline.heuristic(feature).fit(data.train.features, data.train.labels)


def _evaluate(model: Any, spec: ModelSpec, data: TrainingSet, policy: TrainingPolicy) -> Evaluation:
    held = evaluation.probabilities(model, data.validation)
    threshold = metrics.cheapest_threshold(data.validation.labels, held, spec.costs)
    return evaluation.evaluate(
        spec, data.test, evaluation.probabilities(model, data.test), threshold, policy
    )


def fit_and_log(
    tracker: Tracker, spec: ModelSpec, data: TrainingSet, policy: TrainingPolicy, run_id: str
) -> Any:
    """Fit, log everything that was found to the current run, and return the model."""
    trained = fit(spec, data, policy)
    log_trials(tracker, trained.found, run_id)
    log_set(spec, data)
    _log_quality(spec, data, trained)
    if data.unreviewed is not None:
        _log_verdicts(data, trained)
    return trained.model


def _log_verdicts(data: TrainingSet, trained: Trained) -> None:
    """What people's verdicts were worth: validation loss of the same candidate without them, less
    that with them.
    """
    import mlflow
    from sklearn.base import clone

    assert data.unreviewed is not None
    plain = clone(trained.chosen.fitted).fit(data.unreviewed.features, data.unreviewed.labels)
    without = float(losses.each(plain, data.validation).mean())
    mlflow.log_metric("verdict_gain", without - trained.chosen.best.loss)
    mlflow.log_param("verdict_rows", len(data.train) - len(data.unreviewed))


def log_trials(tracker: Tracker, searched: list[BestFit], parent: str) -> None:
    """Each fit as a nested run."""
    for found in searched:
        for number, trial in enumerate(found.trials):
            tracker.log_trial(
                parent,
                f"{found.candidate} {number}",
                {"candidate": found.candidate, **trial.parameters},
                {"validation_loss": trial.loss, "fit_seconds": trial.seconds},
            )


def log_set(spec: Learnt, data: TrainingSet) -> None:
    """The training set: what it was read with, and its schema and size."""
    import mlflow
    from mlflow.data.pandas_dataset import from_pandas

    # The first rows tell the schema; inferring it from all takes seconds. The digest is that of the
    # whole set.
    shown = data.train.features.head(SCHEMA_ROWS).assign(label=data.train.labels[:SCHEMA_ROWS])
    name, digest = f"{spec.name}_{data.content_hash[:12]}", data.content_hash[:32]
    mlflow.log_input(from_pandas(shown, name=name, targets="label", digest=digest), "training")
    mlflow.log_text(data.query, "training_set.sql")
    mlflow.log_params({f"{name}_rows": len(part) for name, part in data.parts.items()})
    mlflow.log_params({"features": len(data.feature_set.names), "horizon_days": spec.horizon_days})


def _log_quality(spec: ModelSpec, data: TrainingSet, trained: Trained) -> None:
    import mlflow

    mlflow.log_params({"candidate": trained.chosen.candidate, **trained.chosen.best.parameters})
    mlflow.log_metrics({**trained.ours.flat("test"), **trained.theirs.flat("heuristic")})
    mlflow.log_metric("test_rate", float(data.test.labels.mean()))
    mlflow.log_dict(trained.ours.by_group, "auc_by_group.json")
    # The newest people it was judged on are the nearest to those it will score.
    mlflow.log_dict(
        drift.reference(data.test.features, evaluation.probabilities(trained.model, data.test)),
        drift.ARTIFACT,
    )
    title = f"{spec.name} on the test part, as of {data.test.keys['as_of'].max():%Y-%m-%d}"
    scores = (trained.ours.scores, trained.theirs.scores)
    mlflow.log_figure(
        plots.evaluation(data.test.labels, *scores, spec.costs, trained.ours.threshold, title),
        "evaluation.png",
    )
    text = card.write(spec, data, trained.chosen, trained.found, trained.ours, trained.theirs)
    mlflow.log_text(text, "model_card.md")
    mlflow.set_tag("mlflow.note.content", text)


def told(run: Any) -> str:
    """How good the model of a run is, in a few words."""
    reached, plain = run.data.metrics["test_roc_auc"], run.data.metrics["heuristic_roc_auc"]
    return f"test AUC {reached:.3f} against {plain:.3f} of the heuristic"
