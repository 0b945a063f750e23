"""What a promotion would move: members each segment would gain and lose, found before anything is promoted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ml import catalogue, frames, lifecycle, personas, scoring
from ml.policy import TrainingPolicy
from ml.spec import ModelSpec
from ml.tracking import Tracker
from segmentry import clock, warehouse
from segmentry.stages import RunContext

PROFILES = re.compile(r"\{\{\s*ref\(\s*'profiles'\s*\)\s*\}\}")


@dataclass(frozen=True)
class Move:
    """One segment's members now and after, by its predicate alone (before dwell rules, consent and suppression)."""

    segment: str
    members: int
    gained: int
    lost: int


def of_promotion(context: RunContext, model: str, version: str | None) -> list[Move]:
    """One Move per segment whose predicate reads the model's columns."""
    spec, tracker = catalogue.spec_named(model), Tracker(context.settings, model)
    wanted = lifecycle.version_named(tracker, version)
    policy, as_of, fitted = TrainingPolicy.read(context.settings), clock.of(context), tracker.load(wanted)
    with frames.published(context.settings) as (lake, _):
        people = scoring.population(lake, spec, as_of, fitted, policy)
    if isinstance(spec, ModelSpec):
        rows = scoring.score_rows(spec, fitted, people, as_of, wanted.version).rename(
            columns={"score": f"{model}_score"}
        )
        columns = [f"{model}_score"]
    else:
        deck = tracker.artifact(wanted.run_id, "personas.json")
        rows = personas.assign(fitted, deck, people, as_of, wanted.version, policy)
        rows, columns = (
            rows.rename(columns={"confidence": "persona_confidence"}),
            ["persona", "cluster_id", "persona_confidence"],
        )
    segments = {
        name: sql for name, sql in _segments(context.settings.dbt_project).items() if any(c in sql for c in columns)
    }
    return _moves(context, rows[["profile_id", *columns]], columns, segments)


def _segments(project: Path) -> dict[str, str]:
    """SQL of each segment that reads profiles and nothing else."""
    found = {p.stem: p.read_text(encoding="utf-8") for p in sorted((project / "models" / "segments").glob("*.sql"))}
    return {name: sql for name, sql in found.items() if PROFILES.search(sql) and "ref(" not in PROFILES.sub("", sql)}


def _moves(context: RunContext, rows: pd.DataFrame, columns: list[str], segments: dict[str, str]) -> list[Move]:
    with warehouse.connect(context.settings, read_only=True) as lake:
        if not segments or not warehouse.relation_exists(lake, "profiles.profiles"):
            return []
        held = {row[0] for row in lake.execute("describe lake.profiles.profiles").fetchall()}
        used = [c for c in columns if c in held]
        lake.register("challenger", rows)
        swapped = ", ".join(f"challenger.{c} as {c}" for c in used)
        lake.execute(
            f"create temp table challenged as select profiles.* replace ({swapped}) "
            "from lake.profiles.profiles left join challenger using (profile_id)"
        )
        return [_move(lake, name, sql) for name, sql in segments.items()]


def _move(lake: Any, name: str, sql: str) -> Move:
    now, after = PROFILES.sub("lake.profiles.profiles", sql), PROFILES.sub("challenged", sql)
    row = lake.execute(
        f"""
        select count(now.profile_id), count(*) filter (where now.profile_id is null),
            count(*) filter (where after.profile_id is null)
        from ({now}) as now full join ({after}) as after using (profile_id)
        """
    ).fetchone()
    return Move(name, *map(int, row))
