"""The stages ``train`` and ``score`` of the main job, mapped over the models of ml/models/."""

from __future__ import annotations

from datetime import timedelta

from ml import catalogue
from ml.spec import ModelSpec
from segmentry import clock, warehouse
from segmentry.stages import RunContext, StageReport


def train_items(context: RunContext) -> list[str]:
    """Models that are due: never trained to a champion, or last trained longer ago than the policy allows at as_of."""
    names = list(catalogue.specs())
    if context.retrain:
        return names
    from ml.policy import TrainingPolicy
    from ml.tracking import Tracker

    allowed, as_of = timedelta(days=TrainingPolicy.read(context.settings).retrain_after_days), clock.of(context)
    due = []
    for name in names:
        tracker = Tracker(context.settings, name)
        last = tracker.last_as_of()
        if tracker.at_alias("champion") is None or last is None or abs(as_of - last) >= allowed:
            due.append(name)
    return due


def train(context: RunContext, model: str) -> StageReport:
    """Train one model; data too thin to judge one are a refusal in the notes, not an error."""
    spec = catalogue.spec_named(model)
    _prepare(context)
    if isinstance(spec, ModelSpec):
        from ml import supervised

        return supervised.train(context, spec)
    from ml import personas

    return personas.train(context, spec)


def score_items(context: RunContext) -> list[str]:
    """Every model: one without a champion says so in its report."""
    return list(catalogue.specs())


def score(context: RunContext, model: str) -> StageReport:
    """Score everybody a model is meant for, into ml.scores or ml.cluster_assignments."""
    spec = catalogue.spec_named(model)
    _prepare(context)
    if isinstance(spec, ModelSpec):
        from ml import scoring

        return scoring.score(context, spec)
    from ml import personas

    return personas.score(context, spec)


def _prepare(context: RunContext) -> None:
    from ml import store

    with warehouse.connect(context.settings) as lake:
        warehouse.require(lake, "features.spine", made_by="features")
        if not all(warehouse.relation_exists(lake, relation) for relation in store.TABLES):
            store.ensure(lake)
