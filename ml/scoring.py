"""Scores everybody a model is meant for, with its champion, straight from and to the lake."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from ml import dataset, frames, promotion, store
from ml.frames import Lake, Menu
from ml.policy import TrainingPolicy
from ml.spec import ModelSpec, Spec
from ml.tracking import Tracker
from segmentry import clock, warehouse
from segmentry.stages import RunContext, StageReport

SAME_RUN = "model = ? and as_of = ?"


def score(context: RunContext, spec: ModelSpec) -> StageReport:
    """Write ml.scores for the champion at the context's time; the same champion and content change nothing."""
    tracker = Tracker(context.settings, spec.name)
    champion = tracker.at_alias("champion")
    if champion is None:
        return StageReport(notes=[f"{spec.name} has no champion: nothing is scored"], status="skipped")
    policy, as_of = TrainingPolicy.read(context.settings), clock.of(context)
    model = tracker.load(champion)
    with frames.published(context.settings) as (lake, _):
        people = population(lake, spec, as_of, model, policy)
    content = dataset.content_hash(people)
    with warehouse.connect(context.settings) as lake:
        store.ensure(lake)
        if store.is_current(lake, spec.name, as_of, champion.version, content):
            return StageReport({"ml.scores": 0}, [f"{spec.name} {champion.version}: unchanged"], status="unchanged")
        rows = score_rows(spec, model, people, as_of, str(champion.version))
        done = store.run_row(spec.name, as_of, str(champion.version), content, len(rows), rows.attrs["at"])
        same = [spec.name, as_of]
        store.replace_rows(lake, [("ml.scores", SAME_RUN, same, rows), ("ml.score_runs", SAME_RUN, same, done)])
    return StageReport({"ml.scores": len(rows)}, [f"{spec.name} {champion.version}: {len(rows):,} people scored"])


def population(lake: Lake, spec: Spec, as_of: datetime, model: Any, policy: TrainingPolicy) -> pd.DataFrame:
    """profile_id, as_of and the columns the model expects, for everybody it is meant for at as_of."""
    frames.set_moments(lake, [(as_of, as_of + timedelta(days=getattr(spec, "horizon_days", 90)))])
    menu = frames.menu(lake, include=("*",), exclude=(), max_categories=10**9)
    menu = menu.only([str(n) for n in model.feature_names_in_])
    return people_at(lake, spec.population_sql, menu)


def people_at(lake: Lake, population_sql: str, menu: Menu) -> pd.DataFrame:
    """The matrix of a population, keys first, in a fixed order."""
    keys = f"select profile_id, as_of from {frames.SPINE}"
    keyed = f"{keys} inner join ({population_sql}) as population using (profile_id, as_of)"
    return lake.execute(f"with keyed as ({keyed})\n{menu.select('keyed')}").df()


def score_rows(spec: Spec, model: Any, people: pd.DataFrame, as_of: datetime, version: str) -> pd.DataFrame:
    """Rows of ml.scores; ``attrs['at']`` is when they were made."""
    at = datetime.now(UTC).replace(tzinfo=None)
    features = promotion.expected_columns(model, people)
    scores = model.predict_proba(features)[:, 1] if len(people) else np.zeros(0)
    rows = pd.DataFrame(
        {"profile_id": people["profile_id"].to_numpy(), "model": spec.name, "as_of": as_of, "score": scores}
    )
    rows["model_version"], rows["scored_at"] = version, at
    rows.attrs["at"] = at
    return rows
