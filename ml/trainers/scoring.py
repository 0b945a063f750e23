"""Scores everybody a model is meant for, with its champion, straight from and to the lake."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from ml import threads
from ml.data import columns, dataset, frames, population
from ml.estimators import Model
from ml.evaluate import drift, reasons, reviews
from ml.evaluate.drift import Shift
from ml.policy import DriftPolicy, TrainingPolicy
from ml.registry import promotion, store
from ml.registry.protocols import ModelVersion
from ml.registry.tracking import Tracker, identity
from ml.spec import Learnt, ModelSpec, Spec
from segmentry import clock, warehouse
from segmentry.stages import RunContext, StageReport

SAME_RUN = "model = ? and as_of = ?"
OUTCOMES = (  # where a training notes the outcome of those the champion was tested on
    "segmentry.outcomes"
)
OF_OUTCOMES = f"feature in ('{drift.LABEL}', '{drift.CALIBRATION}')"


def score(context: RunContext, spec: Learnt) -> StageReport:
    """Write ml.scores for the champion at the context's time; the same champion and content change
    nothing.
    """
    tracker = Tracker(context.settings, spec.name)
    champion = tracker.at_alias("champion")
    if champion is None:
        return StageReport(
            notes=[f"{spec.name} has no champion: nothing is scored"], status="skipped"
        )
    policy, as_of = TrainingPolicy.read(context.settings), clock.of(context)
    model = tracker.load(champion)
    with frames.published(context.settings) as (lake, _):
        people = population.read(lake, spec, as_of, model, policy)
    outcomes = outcomes_at(tracker, as_of)
    content = dataset.content_hash(people, identity(champion), repr(outcomes))
    with warehouse.connect(context.settings) as lake:
        store.ensure(context.settings, lake)
        if store.is_current(lake, spec.name, as_of, champion.version, content):
            return StageReport(
                {"ml.scores": 0}, [f"{spec.name} {champion.version}: unchanged"], status="unchanged"
            )
        version, same, limits = (
            str(champion.version),
            [spec.name, as_of],
            DriftPolicy.read(context.settings),
        )
        rows = score_rows(spec, model, people, as_of, version)
        moved = shifts(tracker, champion, people, rows["score"], limits)
        with threads.limited(
            policy
        ):  # many small predictions: a second thread would spin more than it helps
            extra = extra_tables(
                spec, model, shadow(tracker, spec, champion, people, as_of), people, rows
            )
        writes = {
            "ml.scores": rows,
            **extra,
            "ml.score_runs": store.run_row(
                spec.name, as_of, version, content, len(rows), rows.attrs["at"]
            ),
        }
        shifted = drift_writes(spec.name, as_of, version, moved, outcomes, limits)
        store.replace_rows(
            context.settings,
            lake,
            [*((to, SAME_RUN, same, made) for to, made in writes.items()), *shifted],
        )
    notes = [f"{spec.name} {version}: {len(rows):,} people scored", *drift.note(moved, limits)]
    return StageReport({"ml.scores": len(rows)}, notes)


def outcomes_at(tracker: Tracker, as_of: datetime) -> dict[str, Any]:
    """What a training at that time noted of outcomes; empty where there was none, or it had no
    champion to judge.
    """
    found = tracker.noted(OUTCOMES)
    return found if found.get("as_of") == as_of.isoformat() else {}


def drift_writes(
    model: str,
    as_of: datetime,
    version: str,
    moved: list[Shift],
    outcomes: dict[str, Any],
    policy: DriftPolicy,
) -> list[tuple[str, str, list[Any], pd.DataFrame]]:
    """Writes to observability.drift: of people, in place of those of this run; of outcomes, where
    they are news.
    """
    relation, same = "observability.drift", [model, as_of]
    writes = [
        (
            relation,
            f"{SAME_RUN} and not {OF_OUTCOMES}",
            same,
            drift.rows(model, as_of, version, moved),
        )
    ]
    if outcomes:
        found = drift.of_outcomes(outcomes["rate"], outcomes["error"], policy)
        rows = drift.rows(model, as_of, outcomes["version"], found)
        writes.append((relation, f"{SAME_RUN} and {OF_OUTCOMES}", same, rows))
    return writes


def shadow(
    tracker: Tracker, spec: Learnt, champion: ModelVersion, people: pd.DataFrame, as_of: datetime
) -> pd.DataFrame | None:
    """What the newest challenger would have said of the same people; None if there is none, or it
    was champion.
    """
    newest = next(iter(tracker.versions()), None)
    if newest is None or promotion.is_settled(newest, champion):
        return None
    expected = columns.expected_columns(tracker.load(newest), people)
    if expected.isna().all().any():  # it reads a feature that the champion's matrix does not have
        return None
    return score_rows(spec, tracker.load(newest), people, as_of, str(newest.version))


def extra_tables(
    spec: Learnt,
    model: Model,
    challenged: pd.DataFrame | None,
    people: pd.DataFrame,
    rows: pd.DataFrame,
) -> dict[str, pd.DataFrame]:
    """What is written next to the scores: their reasons, the challenger's scores, cases to
    review.
    """
    if not len(people):
        return {}
    key = {"model": spec.name, "as_of": rows["as_of"].iloc[0]}
    found = {
        "ml.score_reasons": (
            reasons.of_scores(spec, model, people, rows["score"].to_numpy()).assign(**key)
        )
    }
    if challenged is not None:
        found["ml.shadow_scores"] = challenged.drop(columns="scored_at")
    if isinstance(spec, ModelSpec):
        other = None if challenged is None else challenged["score"].to_numpy()
        found["ml.reviews"] = reviews.cases(
            spec.name, key["as_of"], people, rows["score"].to_numpy(), other
        )
    return found


def shifts(
    tracker: Tracker,
    champion: ModelVersion,
    people: pd.DataFrame,
    scores: pd.Series,
    policy: DriftPolicy,
) -> list[Shift]:
    """How far today's people and their scores are from those the champion learnt from."""
    if not tracker.has_artifact(champion.run_id, drift.ARTIFACT):
        return []
    return drift.against(
        tracker.artifact(champion.run_id, drift.ARTIFACT),
        people.assign(**{drift.SCORE: scores}),
        policy,
    )


def score_rows(
    spec: Spec, model: Model, people: pd.DataFrame, as_of: datetime, version: str
) -> pd.DataFrame:
    """Rows of ml.scores; ``attrs['at']`` is when they were made."""
    at = datetime.now(UTC).replace(tzinfo=None)
    features = columns.expected_columns(model, people)
    scores, outcomes = reasons.said(spec, model, features) if len(people) else (np.zeros(0), None)
    rows = pd.DataFrame(
        {
            "profile_id": people["profile_id"].to_numpy(),
            "model": spec.name,
            "as_of": as_of,
            "score": scores,
        }
    )
    rows["outcome"] = pd.Series(outcomes, index=rows.index, dtype=object)
    rows["model_version"], rows["scored_at"] = version, at
    rows.attrs["at"] = at
    return rows
