"""What a person does with trained models: list, show, compare, promote, roll back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ml.data import columns, frames
from ml.data.dataset import DataRefused, TrainingSet
from ml.estimators import Model
from ml.evaluate import evaluation, leakage, metrics
from ml.evaluate.gates import PromotionVerdict
from ml.fit import supervised
from ml.personas import grouping
from ml.policy import TrainingPolicy
from ml.registry import catalogue, promotion
from ml.registry.protocols import ModelVersion
from ml.registry.tracking import Tracker
from ml.spec import ForecastSpec, Learnt, PersonaSpec, Spec
from ml.trainers import forecast, personas, scoring, training
from segmentry import clock
from segmentry.errors import GateFailed, NotReadyError, UsageError
from segmentry.settings import Settings
from segmentry.stages import RunContext, StageReport

# The one figure of a model that a list shows: of a probability, an amount, a choice, groups.
QUALITY = ("test_roc_auc", "test_rank_agreement", "test_accuracy", "silhouette")


def listing(settings: Settings) -> list[dict[str, Any]]:
    """One row per model of ml/models/: champion, its quality, and the newest version."""
    return [_listed(Tracker(settings, name), spec) for name, spec in catalogue.specs().items()]


def _listed(tracker: Tracker, spec: Spec) -> dict[str, Any]:
    champion, versions = tracker.at_alias("champion"), tracker.versions()
    measures = tracker.client.get_run(champion.run_id).data.metrics if champion else {}
    return {
        "model": spec.name,
        "champion": str(champion.version) if champion else None,
        "as_of": champion.tags.get("segmentry.as_of") if champion else None,
        "quality": next((measures[name] for name in QUALITY if name in measures), None),
        "newest": str(versions[0].version) if versions else None,
        "description": spec.description,
    }


def show(settings: Settings, model: str) -> list[dict[str, Any]]:
    """One row per registered version, the newest first, with how its gates went."""
    tracker = Tracker(settings, catalogue.spec_named(model).name)
    aliases = {a: tracker.at_alias(a) for a in ("champion", "previous")}
    rows = []
    for version in tracker.versions():
        borne = [
            a for a, held in aliases.items() if held is not None and held.version == version.version
        ]
        gates = {
            k.removeprefix("segmentry.gate."): v
            for k, v in version.tags.items()
            if k.startswith("segmentry.gate.")
        }
        rows.append(
            {
                "version": str(version.version),
                "alias": ", ".join(borne),
                "as_of": version.tags.get("segmentry.as_of"),
                "snapshot_id": version.tags.get("segmentry.snapshot_id"),
                "gates": "; ".join(f"{name}: {text}" for name, text in sorted(gates.items())),
            }
        )
    return rows


def version_named(tracker: Tracker, version: str | None) -> ModelVersion:
    """That version, or the newest one that is not champion."""
    versions, champion = tracker.versions(), tracker.at_alias("champion")
    if version is None:
        others = [v for v in versions if champion is None or v.version != champion.version]
        if others:
            return others[0]
        raise NotReadyError(
            f"{tracker.model} has no version next to its champion",
            remedy=f"train one with `segmentry models train {tracker.model}`",
        )
    for found in versions:
        if str(found.version) == version:
            return found
    raise UsageError(
        f"{tracker.model} has no version '{version}'",
        allowed=", ".join(str(v.version) for v in versions) or "none yet",
        remedy=f"see `segmentry models show {tracker.model}`",
    )


def training_set(context: RunContext, spec: Learnt) -> TrainingSet:
    """Today's training set, checked for leaks; NotReadyError where the data are too thin to compare
    models on.
    """
    from ml.data import dataset

    policy = TrainingPolicy.read(context.settings)
    with frames.published(context.settings) as (lake, snapshot):
        try:
            data = dataset.load(lake, snapshot, spec, clock.of(context), policy)
        except DataRefused as refusal:
            raise NotReadyError(
                f"{spec.name} cannot be judged: {refusal}",
                remedy="load more history, then run again",
            ) from None
        leakage.check(lake, data)
    return data


def measures(context: RunContext, model: str, version: str | None) -> list[dict[str, Any]]:
    """Champion and challenger side by side on the newest test window, each metric with its 90%
    interval.
    """
    spec = catalogue.spec_named(model)
    tracker = Tracker(context.settings, model)
    challenger, champion = version_named(tracker, version), tracker.at_alias("champion")
    if isinstance(spec, PersonaSpec):
        return _logged(tracker, {"challenger": challenger, "champion": champion})
    policy, data = TrainingPolicy.read(context.settings), training_set(context, spec)
    rivals: dict[str, Model] = {f"challenger {challenger.version}": tracker.load(challenger)}
    if champion is not None:
        rivals[f"champion {champion.version}"] = tracker.load(champion)
    if isinstance(spec, ForecastSpec):
        rivals["heuristic"] = forecast.fit_rule(spec, data)
        found = {
            n: forecast.measured(m, columns.fitted_to(m, data.test), policy)
            for n, m in rivals.items()
        }
        return [
            {"metric": n, **{r: str(f[n]) for r, f in found.items()}} for n in found["heuristic"]
        ]
    samples = metrics.draws(len(data.test), policy.resamples, policy.seed)
    rivals["heuristic"] = supervised.fit_rule(spec, data)
    scores = {
        n: evaluation.probabilities(m, columns.fitted_to(m, data.test)) for n, m in rivals.items()
    }
    return [
        {
            "metric": name,
            **{
                n: str(metrics.interval(measure, data.test.labels, s, samples))
                for n, s in scores.items()
            },
        }
        for name, measure in evaluation.MEASURES.items()
    ]


def _logged(tracker: Tracker, versions: Mapping[str, ModelVersion | None]) -> list[dict[str, Any]]:
    runs = {
        f"{n} {v.version}": tracker.client.get_run(v.run_id)
        for n, v in versions.items()
        if v is not None
    }
    names = sorted({m for run in runs.values() for m in run.data.metrics})
    return [{"metric": m, **{n: run.data.metrics.get(m) for n, run in runs.items()}} for m in names]


def verdict(
    context: RunContext, spec: Spec, tracker: Tracker, version: ModelVersion
) -> PromotionVerdict:
    """How a version does at every gate, today."""
    policy, champion = TrainingPolicy.read(context.settings), tracker.at_alias("champion")
    challenger = tracker.load(version)
    held = tracker.load(champion) if champion is not None else None
    if not isinstance(spec, PersonaSpec):
        found = training.judge(spec, challenger, held, training_set(context, spec), policy)
        return PromotionVerdict(
            (*found.gates, training.steady(context, tracker, spec, version, challenger))
        )
    with frames.published(context.settings) as (lake, _):
        people, _feature_set = grouping.load(lake, spec, clock.of(context), policy)
    return grouping.judge(tracker.client.get_run(version.run_id), challenger, held, people, policy)


def promote(context: RunContext, model: str, version: str | None) -> StageReport:
    """Make a version champion if it passes every gate on today's data, and score with it;
    GateFailed otherwise.
    """
    spec, tracker = catalogue.spec_named(model), Tracker(context.settings, model)
    wanted = version_named(tracker, version)
    found = verdict(context, spec, tracker, wanted)
    tracker.record_gates(wanted, found.gates)
    if not found.passed:
        raise GateFailed(
            f"{model} {wanted.version} may not become champion: {found.failures}",
            allowed="a version that passes every gate on the newest test window",
            remedy=(
                f"see `segmentry models compare {model} --version {wanted.version}`; train again on"
                " better data"
            ),
        )
    promotion.promote(tracker, wanted, "promoted by hand")
    return rescore(context, spec)


def rollback(context: RunContext, model: str) -> StageReport:
    """Give the alias back to the former champion and restore its scores; the version rolled back is
    not tried again.
    """
    spec, tracker = catalogue.spec_named(model), Tracker(context.settings, model)
    champion, former = tracker.at_alias("champion"), tracker.at_alias("previous")
    if champion is None or former is None:
        raise NotReadyError(
            f"{model} has no former champion to go back to",
            allowed="a model whose champion replaced another",
            remedy=f"see `segmentry models show {model}`",
        )
    tracker.client.set_model_version_tag(
        tracker.registered, champion.version, promotion.ROLLED_BACK, "yes"
    )
    tracker.client.set_registered_model_alias(tracker.registered, "champion", former.version)
    tracker.client.delete_registered_model_alias(tracker.registered, "previous")
    return rescore(context, spec)


def rescore(context: RunContext, spec: Spec) -> StageReport:
    """Score everybody with whoever is champion now."""
    if isinstance(spec, PersonaSpec):
        return personas.score(context, spec)
    return scoring.score(context, spec)
