"""What every training writes to its run in MLflow, and the training key: for the trainers."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pandas as pd

from ml.data.dataset import TrainingSet
from ml.evaluate import answers, backtest, drift, fairness, reasons
from ml.evaluate.answers import Ask
from ml.evaluate.fairness import Audit
from ml.evaluate.gates import PromotionVerdict
from ml.evaluate.metrics import Vector
from ml.fit.search import BestFit, Dropped
from ml.policy import TrainingPolicy
from ml.registry import promotion, provenance
from ml.registry.protocols import ModelVersion, TrackedRun
from ml.registry.tracking import Tracker
from ml.spec import Spec
from segmentry.stages import StageReport

# The tag of a run that names candidates which could not be fitted, with the kind of error.
DROPPED = "segmentry.dropped"
# The tag of a run that names the groups of people that exceed a limit of the policy.
UNFAIR = "segmentry.fairness"
_LONGEST_TAG = 1000
_LONGEST_PARAMETER = 200


def logged_metrics(tracker: Tracker, versions: Mapping[str, ModelVersion]) -> list[dict[str, Any]]:
    """The metrics that the runs of versions have logged: a row per metric, a column per role and
    version.
    """
    logged = {
        f"{role} {version.version}": tracker.run_of(version).data.metrics
        for role, version in versions.items()
    }
    names = sorted({name for metrics in logged.values() for name in metrics})
    return [
        {"metric": name, **{role: metrics.get(name) for role, metrics in logged.items()}}
        for name in names
    ]


def training_key(spec: Spec, policy: TrainingPolicy, as_of: str, content: str) -> str:
    """What makes two trainings the same: the model's file, the policy, the time and the data."""
    source = inspect.getsource(inspect.getmodule(spec.estimator))  # type: ignore[arg-type]
    return hashlib.sha256(
        "\0".join([spec.name, source, repr(policy), as_of, content]).encode()
    ).hexdigest()[:40]


def refuse(tracker: Tracker, model: str, as_of: str, snapshot: int, reason: str) -> StageReport:
    """Record in MLflow that the data do not allow training; the job goes on."""
    refused_run(tracker, model, as_of, snapshot, reason)
    return StageReport(notes=[f"{model} is not trained: {reason}"], status="refused")


def refused_run(tracker: Tracker, model: str, as_of: str, snapshot: int, reason: str) -> TrackedRun:
    """The run that records why the data do not allow training at that time."""
    key = hashlib.sha256("\0".join([model, as_of, reason]).encode()).hexdigest()[:40]
    if (found := tracker.finished(key)) is not None:
        return found
    tags = {
        "segmentry.key": key,
        "segmentry.as_of": as_of,
        "segmentry.snapshot_id": str(snapshot),
        "segmentry.refused": reason,
    }
    with tracker.run(f"refused as of {as_of}", tags) as run:
        pass
    tracker.complete(run.info.run_id)
    return tracker.trained(key)


def example_rows(features: pd.DataFrame) -> pd.DataFrame:
    """Rows of quartiles and of the most frequent categories: what input looks like, and nobody's
    data.
    """
    quartiles = (
        features.select_dtypes(exclude=object)
        .quantile([0.25, 0.5, 0.75])
        .fillna(0.0)
        .reset_index(drop=True)
    )
    texts = {
        str(name): [features[name].mode().iloc[0]] * 3
        for name in features
        if features[name].dtype == object
    }
    return quartiles.assign(**texts)[list(features)]


def log_trials(
    tracker: Tracker, searched: list[BestFit], parent: str, policy: TrainingPolicy
) -> None:
    """Each fit as a nested run; and to the current run, what the search may take, took and gained.

    search_gain: by how much the least validation loss is below the least with defaults alone.
    """
    import mlflow

    for found in searched:
        for number, trial in enumerate(found.trials):
            tracker.log_trial(
                parent,
                f"{found.candidate} {number}",
                {"candidate": found.candidate, **trial.parameters},
                {"validation_loss": trial.loss, "fit_seconds": trial.seconds},
            )
    mlflow.log_params(
        {
            "search": policy.search,
            "search_trials": policy.trials,
            "search_seconds": policy.seconds_per_model,
            "search_cut_short": any(found.is_cut_short for found in searched),
        }
    )
    mlflow.log_metrics(search_figures(searched))


def search_figures(searched: Sequence[BestFit]) -> dict[str, float]:
    """Fits, seconds and gain of a search, and its best losses with defaults and with trials."""
    trials = [trial for found in searched for trial in found.trials]
    plain = min(found.trials[0].loss for found in searched)
    best = min(trial.loss for trial in trials)
    return {
        "search_fits": float(len(trials)),
        "search_fit_seconds": sum(trial.seconds for trial in trials),
        "search_default_loss": plain,
        "search_best_loss": best,
        "search_gain": plain - best,
    }


def chosen_parameters(chosen: BestFit) -> dict[str, str]:
    """The chosen candidate, and every parameter of its estimator as it was fitted; those that the
    search chose have their own names, the others the prefix ``estimator_``.
    """
    fitted: Any = chosen.fitted
    fitted = fitted[-1] if hasattr(fitted, "steps") else fitted
    found = {f"estimator_{k}": str(v)[:_LONGEST_PARAMETER]
             for k, v in sorted(fitted.get_params(deep=False).items())}  # fmt: skip
    tried = {name: str(value) for name, value in chosen.best.parameters.items()}
    return {"candidate": chosen.candidate, **found, **tried}


def log_dropped(dropped: Sequence[Dropped]) -> str:
    """Tag the current run with what could not be fitted; returns lines for the card."""
    if not dropped:
        return ""
    import mlflow

    reasons = [f"{each.candidate} ({each.reason})" for each in dropped]
    mlflow.set_tag(DROPPED, ", ".join(reasons))
    return "\n".join(
        ["## Left out, as it cannot be fitted on these data", *(f"- {r}" for r in reasons), ""]
    )


def with_remarks(report: StageReport, model: str, run: TrackedRun) -> StageReport:
    """The report, with a note of the candidates and periods that could not be fitted, and one of
    the groups of people that exceed a limit.
    """
    notes = []
    if reasons := run.data.tags.get(DROPPED):
        notes.append(f"{model}: left out, as it cannot be fitted on these data: {reasons}")
    if groups := run.data.tags.get(UNFAIR):
        notes.append(f"{model}: see Fairness in its card: {groups}")
    return replace(report, notes=[*report.notes, *notes])


def log_audit(found: Audit, policy: TrainingPolicy) -> str:
    """Log to the current run how the model treats groups; returns the part of the card."""
    import mlflow

    mlflow.log_dict(found.as_json(), "fairness.json")
    if found.remarks:
        mlflow.set_tag(UNFAIR, "; ".join(found.remarks)[:_LONGEST_TAG])
    return "\n".join(fairness.lines(found, policy))


def log_reference(ask: Ask, data: TrainingSet, scores: Vector) -> None:
    """Log to the current run what drift is measured against: the newest people the model was judged
    on, and how those of about as long before differed from them.
    """
    import mlflow

    features = data.test.features
    kept = drift.reference(features, scores, reasons.importance(ask, features))
    older = data.validation
    newest = (older.keys["as_of"] == older.keys["as_of"].max()).to_numpy()
    before = older.features[newest].reset_index(drop=True)
    before = before.assign(**{drift.SCORE: answers.of_all(ask, before).scores})
    mlflow.log_dict(drift.with_ageing(kept, before, len(features)), drift.ARTIFACT)


def quoted(run: TrackedRun, metric: str, words: str) -> str:
    """A metric of a run on the test part with its interval, next to the heuristic's."""
    found = run.data.metrics
    name = f"test_{metric}"
    if name not in found:
        return "no figures are kept"
    ends = ""
    if f"{name}_low" in found:
        ends = f" [{found[f'{name}_low']:.3f}, {found[f'{name}_high']:.3f}]"
    plain = found[f"heuristic_{metric}"]
    return f"test {words} {found[name]:.3f}{ends} against {plain:.3f} of the heuristic"


def log_periods(periods: backtest.Periods) -> None:
    """The metrics of each back-test period, and what they let one expect, to the current run."""
    import mlflow

    mlflow.log_metrics(backtest.flat(periods))
    mlflow.log_dict({"periods": backtest.as_rows(periods)}, backtest.ARTIFACT)


def log_set(model: str, horizon_days: int, data: TrainingSet) -> None:
    """The training set: what it was read with, and schema, size and snapshot of each part."""
    import mlflow

    mlflow.log_text(data.query, "training_set.sql")
    for name, part in data.parts.items():
        provenance.log_rows(
            part.features.assign(label=part.labels),
            "training" if name == "train" else name,
            name=f"{model}_{name}_{data.content_hash[:12]}",
            digest=hashlib.sha256(f"{data.content_hash}\0{name}".encode()).hexdigest()[:32],
            snapshot=data.snapshot,
            targets="label",
        )
    mlflow.log_params({f"{name}_rows": len(part) for name, part in data.parts.items()})
    mlflow.log_params({"features": len(data.feature_set.names), "horizon_days": horizon_days})


def tags(
    key: str, as_of: datetime, snapshot: int, content: str, policy: TrainingPolicy
) -> dict[str, str]:
    """Tags of a training's run; its version gets those that begin with ``segmentry.`` too."""
    return {
        "segmentry.key": key,
        "segmentry.as_of": as_of.isoformat(),
        "segmentry.snapshot_id": str(snapshot),
        "segmentry.content": content,
        **provenance.tags(policy),
    }


def settled(
    rows: Mapping[str, int], name: str, champion: ModelVersion, summary: str
) -> StageReport:
    """The report of a training that has nothing to decide."""
    note = f"{name} {champion.version} stays champion ({summary})"
    return StageReport(dict(rows), [note], status="unchanged")


def promoted(
    tracker: Tracker, rows: Mapping[str, int], version: ModelVersion, chosen: str, summary: str
) -> StageReport:
    """Make the version champion, and report it."""
    promotion.promote(tracker, version, summary)
    note = f"{tracker.model} {version.version} ({chosen}) is champion: {summary}"
    return StageReport(dict(rows), [note])


def refused(
    rows: Mapping[str, int], name: str, champion: ModelVersion | None, version: ModelVersion,
    verdict: PromotionVerdict, status: str = "done",
) -> StageReport:  # fmt: skip
    """The report of a training whose version fails a gate."""
    kept = f"{name} {champion.version} stays champion" if champion else f"{name} has no champion"
    note = f"{kept}; version {version.version} is refused: {verdict.failures}"
    return StageReport(dict(rows), [note], status=status)
