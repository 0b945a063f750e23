"""What a promotion would change: the members that each segment would gain and lose. ``segmentry
models compare`` shows it before the promotion.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ml import lifecycle
from ml.data.frames import Lake
from ml.registry import catalogue
from ml.registry.tracking import Tracker
from ml.trainers.kinds import trainer_of
from segmentry import sync_files, warehouse
from segmentry.stages import RunContext
from segments import installed
from segments.predicates import columns_of


@dataclass(frozen=True)
class Move:
    """One segment's members now and after, by its predicate alone (before dwell rules, consent and
    suppression).
    """

    segment: str
    members: int
    gained: int
    lost: int


@dataclass(frozen=True)
class SyncMove:
    """One sync's rows: people in its audience whose segments would change, and people who might
    enter it if consent permits.
    """

    sync: str
    changed: int
    entering: int


@dataclass(frozen=True)
class Impact:
    """What a promotion would change."""

    segments: list[Move]
    syncs: list[SyncMove]


def of_promotion(context: RunContext, model: str, version: str | None) -> Impact:
    """One Move per segment whose predicate reads the model's columns, one SyncMove per sync that
    sends such a one.
    """
    spec = catalogue.spec_named(model)
    tracker = Tracker(context.settings, model)
    wanted = lifecycle.version_named(tracker, version)
    proposal = trainer_of(spec).propose(context, wanted)
    rows = proposal.rows
    columns = proposal.columns
    # Free SQL may read what a promotion does not change, and is left out.
    predicates = {
        name: segment.predicate.to_sql()
        for name, segment in installed.load_all(context.settings).items()
        if segment.predicate is not None
        and not set(columns).isdisjoint(columns_of(segment.predicate))
    }
    return _moves(context, rows[["profile_id", *columns]], columns, predicates)


def _moves(
    context: RunContext, rows: pd.DataFrame, columns: list[str], predicates: dict[str, str]
) -> Impact:
    with warehouse.connect(context.settings, read_only=True) as lake:
        if not predicates or not warehouse.relation_exists(lake, "profiles.profiles"):
            return Impact([], [])
        existing = {row[0] for row in lake.execute("describe lake.profiles.profiles").fetchall()}
        used = [c for c in columns if c in existing]
        lake.register("challenger", rows)
        swapped = ", ".join(f"challenger.{c} as {c}" for c in used)
        lake.execute(
            f"create temp table challenged as select profiles.* replace ({swapped}) "
            "from lake.profiles.profiles left join challenger using (profile_id)"
        )
        lake.execute(
            "create temp table moved (segment varchar, profile_id varchar, is_gained boolean)"
        )
        return Impact(
            [_move(lake, name, where) for name, where in predicates.items()], _syncs(context, lake)
        )


def _move(lake: Lake, name: str, where: str) -> Move:
    now = f"select profile_id from lake.profiles.profiles where {where}"
    after = f"select profile_id from challenged where {where}"
    lake.execute(f"""
        insert into moved
        select '{name}', coalesce(after.profile_id, now.profile_id), now.profile_id is null
        from ({now}) as now full join ({after}) as after using (profile_id)
        where now.profile_id is null or after.profile_id is null
        """)
    row = lake.execute(
        f"""
        select (select count(*) from ({now})), count(*) filter (where is_gained),
            count(*) filter (where not is_gained)
        from moved where segment = ?
        """,
        [name],
    ).fetchone()
    assert row is not None  # aggregates without a group return one row
    return Move(name, *row)


def _syncs(context: RunContext, lake: Lake) -> list[SyncMove]:
    """By the audience that each sync's file names, and the verdicts its audience was built with."""
    if not warehouse.relation_exists(lake, "audiences.candidates"):
        return []
    found = []
    for name, sync in sync_files.load(context.settings).items():
        if not sync.is_enabled:
            continue
        row = lake.execute(
            """
            with recipients as (
                select profile_id from lake.audiences.candidates where sync = $sync
                    and verdict = 'eligible'
            ),
            affected as (
                select profile_id, bool_or(is_gained) as is_gaining from moved
                where $everything or list_contains($named, segment) group by profile_id
            )
            select count(recipients.profile_id),
                count(*) filter (where recipients.profile_id is null and is_gaining)
            from affected left join recipients using (profile_id)
            """,
            {
                "sync": name,
                "everything": sync.segments is None,
                "named": list(sync.segments or ()),
            },
        ).fetchone()
        assert row is not None  # aggregates without a group return one row
        found.append(SyncMove(name, *map(int, row)))
    return [one for one in found if one.changed or one.entering]
