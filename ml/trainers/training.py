"""Trains one spec with labels: data, leakage check, fit, MLflow, gates, promotion."""

from __future__ import annotations

from ml.data import columns, dataset, frames, population
from ml.data.dataset import DataRefused, TrainingSet
from ml.estimators import Model
from ml.evaluate import drift, evaluation, gates, leakage, metrics, reviews
from ml.evaluate.gates import Gate, PromotionVerdict
from ml.fit import supervised
from ml.policy import DriftPolicy, TrainingPolicy
from ml.registry import promotion
from ml.registry.protocols import ModelVersion, TrackedRun
from ml.registry.tracking import Tracker, log_model
from ml.spec import Learnt, ModelSpec
from ml.trainers import forecast, probability, scoring
from ml.trainers.runs import example_rows, refuse, training_key
from segmentry import clock
from segmentry.stages import RunContext, StageReport


def train(context: RunContext, spec: Learnt) -> StageReport:
    """Train the model as of the context's time and promote it if it passes the gates.

    The same spec, policy, time and data give the same training key; a complete run with that key is
    used again.
    """
    policy = TrainingPolicy.read(context.settings)
    tracker = Tracker(context.settings, spec.name)
    as_of = clock.of(context)
    verdicts = (
        reviews.verdicts(context.settings, spec.name) if isinstance(spec, ModelSpec) else None
    )
    with frames.published(context.settings) as (lake, snapshot):
        try:
            data = dataset.load(lake, snapshot, spec, as_of, policy, verdicts)
        except DataRefused as refusal:
            return refuse(tracker, spec.name, as_of.isoformat(), snapshot, str(refusal))
        leakage.check(lake, data)
    key = training_key(spec, policy, as_of.isoformat(), data.content_hash)
    run = tracker.finished(key)
    is_new = run is None
    if run is None:
        _fit_and_log(tracker, spec, data, policy, key)
        run = tracker.trained(key)
    return _decide(context, tracker, run, spec, data, policy, is_new=is_new)


def _fit_and_log(
    tracker: Tracker, spec: Learnt, data: TrainingSet, policy: TrainingPolicy, key: str
) -> None:
    tags = {
        "segmentry.key": key,
        "segmentry.as_of": data.as_of.isoformat(),
        "segmentry.snapshot_id": str(data.snapshot),
        "segmentry.content": data.content_hash,
    }
    with tracker.run(f"{spec.name} as of {data.as_of:%Y-%m-%d %H:%M}", tags) as run:
        if isinstance(spec, ModelSpec):
            model = probability.fit_and_log(tracker, spec, data, policy, run.info.run_id)
        else:
            model = forecast.fit_and_log(tracker, spec, data, policy, run.info.run_id)
        log_model(model, example_rows(data.train.features), classifies=hasattr(model, "classes_"))
    tracker.complete(run.info.run_id)


def judge(
    spec: Learnt,
    challenger: Model,
    champion: Model | None,
    data: TrainingSet,
    policy: TrainingPolicy,
) -> PromotionVerdict:
    """How a challenger does at every gate, on the newest test window."""
    if isinstance(spec, ModelSpec):
        rule = supervised.fit_rule(spec, data)
        return gates.judge(challenger, rule, champion, data, spec, policy)
    return forecast.judge(challenger, forecast.fit_rule(spec, data), champion, data, policy)


def steady(
    context: RunContext, tracker: Tracker, spec: Learnt, version: ModelVersion, challenger: Model
) -> Gate:
    """Whom it would score is like whom it was tested on; drift that moves features and scores bars
    promotion.
    """
    if not tracker.has_artifact(version.run_id, drift.ARTIFACT):
        return Gate("drift", True, "no reference to compare with")
    policy, as_of = TrainingPolicy.read(context.settings), clock.of(context)
    with frames.published(context.settings) as (lake, _):
        people = population.read(lake, spec, as_of, challenger, policy)
    if not len(people):
        return Gate("drift", True, "nobody to score")
    scores = scoring.score_rows(spec, challenger, people, as_of, "")["score"]
    limits = DriftPolicy.read(context.settings)
    moved = scoring.shifts(tracker, version, people, scores, limits)
    share, of_score = (
        drift.alarming_share(moved),
        next(s.psi for s in moved if s.column == drift.SCORE),
    )
    detail = (
        f"{share:.0%} of features, allowed {limits.max_drifted_share:.0%}; score {of_score:.2f}"
    )
    return Gate("drift", not drift.is_harmful(moved, limits), detail)


def _note_outcomes(
    tracker: Tracker, champion: ModelVersion, held: Model, data: TrainingSet
) -> None:
    """How often the outcome was true, and how far the champion's probabilities were off: when it
    was tested, and now.

    The next scoring at this time writes it to the lake, so that models can be trained alongside
    each other.
    """
    then = tracker.client.get_run(champion.run_id).data.metrics
    scores = evaluation.probabilities(held, columns.fitted_to(held, data.test))
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


def _decide(
    context: RunContext,
    tracker: Tracker,
    run: TrackedRun,
    spec: Learnt,
    data: TrainingSet,
    policy: TrainingPolicy,
    *,
    is_new: bool,
) -> StageReport:
    version, champion = tracker.version_of(run), tracker.at_alias("champion")
    told = probability.told(run) if isinstance(spec, ModelSpec) else forecast.told(run)
    rows = {f"training rows of {spec.name}": len(data.train)}
    if champion is not None and promotion.is_settled(version, champion):
        return StageReport(
            rows, [f"{spec.name} {champion.version} stays champion ({told})"], status="unchanged"
        )
    challenger, held = tracker.load(version), tracker.load(champion) if champion else None
    found = judge(spec, challenger, held, data, policy)
    verdict = PromotionVerdict((*found.gates, steady(context, tracker, spec, version, challenger)))
    tracker.record_gates(version, verdict.gates)
    if champion is not None and held is not None and isinstance(spec, ModelSpec):
        _note_outcomes(tracker, champion, held, data)
    if verdict.passed:
        promotion.promote(tracker, version, told)
        return StageReport(
            rows,
            [f"{spec.name} {version.version} ({run.data.params['candidate']}) is champion: {told}"],
        )
    kept = (
        f"{spec.name} {champion.version} stays champion"
        if champion
        else f"{spec.name} has no champion"
    )
    note = f"{kept}; version {version.version} is refused: {verdict.failures}"
    return StageReport(rows, [note], status="done" if is_new else "unchanged")
