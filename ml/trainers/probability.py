"""Fits one ModelSpec in a run: what of it is logged, with its card. The trainings call it."""

from __future__ import annotations

from ml.data.dataset import TrainingSet
from ml.estimators import Model
from ml.evaluate import drift, evaluation, losses, plots
from ml.fit import supervised
from ml.fit.supervised import Trained
from ml.policy import TrainingPolicy
from ml.registry import card
from ml.registry.protocols import TrackedRun
from ml.registry.tracking import Tracker
from ml.spec import ModelSpec
from ml.trainers import runs


def fit_and_log(
    tracker: Tracker, spec: ModelSpec, data: TrainingSet, policy: TrainingPolicy, run_id: str
) -> Model:
    """Fit, log everything that was found to the current run, and return the model."""
    trained = supervised.fit(spec, data, policy)
    runs.log_trials(tracker, trained.found, run_id)
    runs.log_set(spec, data)
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


def told(run: TrackedRun) -> str:
    """How good the model of a run is, in a few words."""
    reached, plain = run.data.metrics["test_roc_auc"], run.data.metrics["heuristic_roc_auc"]
    return f"test AUC {reached:.3f} against {plain:.3f} of the heuristic"
