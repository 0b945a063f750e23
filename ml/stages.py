"""The stages ``train`` and ``score`` of the main job, mapped over the models of ml/models/."""

from __future__ import annotations

from datetime import datetime, timedelta

from ml.recommend.policy import NAME as RECOMMENDATIONS
from ml.registry import catalogue
from segmentry import clock, warehouse
from segmentry.stages import RunContext, StageReport


def train_items(context: RunContext) -> list[str]:
    """Models that are due at as_of: without a champion, trained longer ago than the policy allows,
    drifted since, or with scores that turned out worse than promised since.
    """
    names = list(catalogue.specs())
    if context.retrain:
        return names
    from ml.policy import TrainingPolicy
    from ml.registry.tracking import Tracker

    allowed = timedelta(days=TrainingPolicy.read(context.settings).retrain_after_days)
    as_of = clock.of(context)
    due = []
    drifted = _drifted(context)
    worse = _worse_since(context)
    for name in names:
        tracker = Tracker(context.settings, name)
        last = tracker.last_as_of()
        is_old = (
            tracker.at_alias("champion") is None or last is None or abs(as_of - last) >= allowed
        )
        # What was known when the model was last trained, that training has learnt from.
        has_news = name in worse and last is not None and last < worse[name]
        if is_old or has_news or (name in drifted and last != as_of):
            due.append(name)
    return due


def _drifted(context: RunContext) -> set[str]:
    """Models whose newest scoring found more drift than the policy allows."""
    from ml.policy import DriftPolicy

    limit = DriftPolicy.read(context.settings).max_drifted_share
    with warehouse.connect(context.settings, read_only=True) as lake:
        if not warehouse.relation_exists(lake, "observability.drift"):
            return set()
        rows = lake.execute(
            """
            select model from observability.drift
            where (model, as_of) in (select (model, max(as_of)) from observability.drift
                group by model)
            group by model
            having bool_or(
                feature in ('(features)', '(score)', '(label)', '(calibration)')
                and verdict in ('alarm', 'gone')
            )
            -- Scorings before drift was weighted have no row of all features.
            or (
                not bool_or(feature = '(features)')
                and avg((verdict in ('alarm', 'gone'))::integer) > ?
            )
            """,
            [limit],
        ).fetchall()
    return {row[0] for row in rows}


def _worse_since(context: RunContext) -> dict[str, datetime]:
    """Models that do worse than promised, with when the outcomes that show it had ended."""
    from ml.evaluate import performance

    with warehouse.connect(context.settings, read_only=True) as lake:
        return performance.disappointing(lake)


def train(context: RunContext, model: str) -> StageReport:
    """Train one model; data too thin to judge one are a refusal in the notes, not an error.

    It writes nothing to the lake, so that models can be trained alongside each other.
    """
    from ml.trainers.kinds import trainer_of

    return trainer_of(catalogue.spec_named(model)).train(context)


def score_items(context: RunContext) -> list[str]:
    """Every model, whose report states it if there is no champion, and the recommendations."""
    return [*catalogue.specs(), RECOMMENDATIONS]


def score(context: RunContext, model: str) -> StageReport:
    """Score the population of a model, into ml.scores or ml.cluster_assignments; recommend
    products, into ml.recommendations and ml.product_pairs.
    """
    if model == RECOMMENDATIONS:
        from ml.recommend.stages import recommend

        return recommend(context)
    from ml.trainers.kinds import trainer_of

    return trainer_of(catalogue.spec_named(model)).score(context)
