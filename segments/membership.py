"""Who is in which segment, since when and why; and the rule that time only goes forward."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import duckdb

from segmentry import warehouse
from segmentry.clock import of
from segmentry.errors import NotReadyError, UsageError
from segmentry.settings import Settings
from segmentry.stages import RunContext
from segments import installed
from segments.evaluation import compiled, explained
from segments.installed import Segment

HISTORY = "segments.membership_history"
MEMBERSHIPS = "segments.segment_memberships"
STATES = "segments.dwell_states"
RULES = "segments.segment_rules"
CHANGES = "segments.membership_changes"
Rows = list[dict[str, Any]]


def refuse_the_past(context: RunContext) -> None:
    """Raise UsageError when the run's clock is older than the newest change of the history.

    Evaluating a past as_of would have to rewrite what happened since, and a sync would act on it.
    """
    as_of = of(context)
    with warehouse.connect(context.settings, read_only=True) as lake:
        newest = newest_change(lake)
    if newest is not None and as_of < newest:
        raise UsageError(
            f"the run's clock is {as_of.isoformat()}, but memberships have already changed at"
            f" {newest.isoformat()}",
            allowed=f"a clock of {newest.isoformat()} or later: the history is never rewritten",
            remedy=(
                "run without --as-of to continue; ask the past with `segmentry segments history"
                " --on`; or replay it in a SEGMENTRY_HOME of its own"
            ),
        )


def refuse_stale_proposals(context: RunContext) -> None:
    """Raise NotReadyError when what would be published was evaluated at another time than the run's
    clock.
    """
    as_of = of(context)
    with warehouse.connect(context.settings, read_only=True) as lake:
        warehouse.require(lake, CHANGES, made_by="segments")
        row = lake.execute(f"select max(as_of) from lake.{CHANGES}").fetchone()
    if row is not None and row[0] is not None and row[0] != as_of:
        raise NotReadyError(
            f"the segments were last evaluated at {row[0].isoformat()}, and the run's clock is"
            f" {as_of.isoformat()}",
            allowed="memberships of the run's own clock",
            remedy="run `segmentry run --select segments+`",
        )


def stale_views(settings: Settings) -> list[str]:
    """Segments whose view has to be made: new, with another rule than at the last evaluation, or
    free SQL.
    """
    found = installed.load_all(settings)
    with warehouse.connect(settings, read_only=True) as lake:
        views = (
            "select view_name from duckdb_views() where database_name = 'lake' and schema_name ="
            " 'segments'"
        )
        there = {name for (name,) in lake.execute(views).fetchall()}
        known: dict[str, str] = {}
        if warehouse.relation_exists(lake, RULES):
            known = dict(
                lake.execute(f"select segment, definition_version from lake.{RULES}").fetchall()
            )
    return [
        name
        for name, segment in found.items()
        if name not in there
        or segment.predicate is None
        or known.get(name) != segment.definition_version
    ]


def refresh_views(settings: Settings) -> list[str]:
    """Make the views of new and changed segments and drop those of removed ones; give the free SQL,
    which dbt builds.

    One transaction: a view that dbt makes takes half a second, which a thousand new segments would
    notice.
    """
    found = installed.load_all(settings)
    stale = stale_views(settings)
    with warehouse.connect(settings) as lake:
        lake.execute("begin")
        for name in _removed(lake, found):
            lake.execute(f'drop view if exists lake.segments."{name}"')
        for name in stale:
            if predicate := found[name].predicate:
                query = f"select profile_id from lake.profiles.profiles where {predicate.to_sql()}"
                lake.execute(f'create or replace view lake.segments."{name}" as {query}')
        lake.execute("commit")
    return [name for name in stale if found[name].predicate is None]


def _removed(lake: duckdb.DuckDBPyConnection, found: Mapping[str, Segment]) -> list[str]:
    if not warehouse.relation_exists(lake, RULES):
        return []
    known = lake.execute(f"select segment from lake.{RULES}").fetchall()
    return [name for (name,) in known if name not in found]


def newest_change(lake: duckdb.DuckDBPyConnection) -> datetime | None:
    """The newest as_of at which a membership changed, or None."""
    if not warehouse.relation_exists(lake, HISTORY):
        return None
    row = lake.execute(f"select max(greatest(entered_at, left_at)) from lake.{HISTORY}").fetchone()
    return row[0] if row else None


def stays(lake: duckdb.DuckDBPyConnection, profile_id: str) -> Rows:
    """Every stay of one profile, in order of entry."""
    warehouse.require(lake, HISTORY, made_by="memberships")
    return warehouse.records(
        lake,
        f"""
        select segment, entered_at, left_at, definition_version from lake.{HISTORY}
        where profile_id = ? order by entered_at, segment
        """,
        [profile_id],
    )


def members_on(lake: duckdb.DuckDBPyConnection, segment: str, at: datetime) -> Rows:
    """Who was in the segment at that time."""
    warehouse.require(lake, HISTORY, made_by="memberships")
    return warehouse.records(
        lake,
        f"""
        select profile_id, entered_at, left_at, definition_version from lake.{HISTORY}
        where segment = ? and entered_at <= ? and (left_at is null or left_at > ?)
            order by profile_id
        """,
        [segment, at, at],
    )


def began_at(lake: duckdb.DuckDBPyConnection) -> datetime | None:
    """The first as_of at which a profile was in a segment: what was before is not known."""
    row = lake.execute(f"select min(entered_at) from lake.{HISTORY}").fetchone()
    return row[0] if row else None


def explanation(
    lake: duckdb.DuckDBPyConnection, segment: Segment, profile_id: str
) -> dict[str, Any]:
    """Why a profile is in a segment or not: each condition, the dwell timers, priority, size and
    consent.
    """
    warehouse.require(lake, "profiles.profiles", made_by="profiles")
    found = warehouse.records(
        lake, "select * from lake.profiles.profiles where profile_id = ?", [profile_id]
    )
    if not found:
        raise UsageError(
            "this profile has no row in profiles yet",
            allowed="a profile first seen before the run's clock",
            remedy="run `segmentry run`, then ask again",
        )
    profile = found[0]
    facts = {
        "segment": segment.name,
        "profile_id": profile_id,
        "as_of": profile["as_of"],
        "is_member": _is_member(lake, segment.name, profile_id),
        "conditions": _conditions(segment, profile),
        "score_reasons": _score_reasons(lake, segment, profile_id),
        "predicate_matches": segment.matches(profile) if segment.predicate else None,
        "stay_while_matches": compiled(segment.stay)(profile) if segment.stay else None,
        "dwell": _dwell(lake, segment, profile_id),
        "outranked_by": _outranked_by(lake, segment, profile_id),
        "segment_size": _size(lake, segment.name),
        "min_size": segment.meta.get("min_size", 0),
        "consent": {name: profile[name] for name in profile if name.startswith("consent_")},
    }
    return {"answer": _answer(facts, segment), **facts}


def _answer(facts: Mapping[str, Any], segment: Segment) -> str:
    """The first of the reasons that decides, as a sentence."""
    dwell = facts["dwell"] or {}
    is_match = facts["predicate_matches"]
    if facts["is_member"]:
        since = (
            f"a member since {dwell['entered_at']}"
            if dwell.get("entered_at")
            else "a member from a smaller segment"
        )
        return (
            f"{since}; leaves from {dwell['leaves_from']} on if nothing changes"
            if "leaves_from" in dwell
            else since
        )
    if "enters_from" in dwell:
        begin = dwell["enters_from"]
        return f"not a member yet: enters from {begin} on if the predicate still matches"
    if dwell and facts["outranked_by"]:
        return f"not a member: {facts['outranked_by']} of the same exclusive group comes first"
    if dwell:
        return f"not a member: the segment is empty until {facts['min_size']} are in it"
    if segment.predicate is None:
        return "not a member: its free SQL does not give this profile"
    if is_match is None:
        return "not a member: a value that decides is unknown"
    return (
        "not a member yet: not evaluated since the predicate matches"
        if is_match
        else "not a member: the predicate does not match"
    )


def _score_reasons(lake: duckdb.DuckDBPyConnection, segment: Segment, profile_id: str) -> Rows:
    """What moved the scores that the segment's conditions read, the strongest first."""
    if segment.predicate is None or not warehouse.relation_exists(lake, "ml.score_reasons"):
        return []
    return warehouse.records(
        lake,
        """
        select model, feature, value, usual, effect from lake.ml.score_reasons
        where profile_id = ? and contains(?, model || '_score')
        qualify rank() over (partition by model order by as_of desc) = 1
        order by model, rank
        """,
        [profile_id, segment.sql],
    )


def _conditions(segment: Segment, profile: dict[str, Any]) -> Rows:
    parts = [("enters when", segment.predicate), ("stays while", segment.stay)]
    return [
        {
            "rule": rule,
            "condition": finding.condition,
            "values": ", ".join(f"{name} = {value}" for name, value in finding.values.items()),
            "verdict": {True: "matches", False: "does not match", None: "unknown"}[finding.verdict],
        }
        for rule, predicate in parts
        if predicate is not None
        for finding in explained(predicate, profile)
    ]


def _is_member(lake: duckdb.DuckDBPyConnection, segment: str, profile_id: str) -> bool:
    if not warehouse.relation_exists(lake, MEMBERSHIPS):
        return False
    sql = f"select 1 from lake.{MEMBERSHIPS} where segment = ? and profile_id = ?"
    return lake.execute(sql, [segment, profile_id]).fetchone() is not None


def _dwell(
    lake: duckdb.DuckDBPyConnection, segment: Segment, profile_id: str
) -> dict[str, Any] | None:
    if not warehouse.relation_exists(lake, STATES):
        return None
    rows = warehouse.records(
        lake,
        f"""
        select pending_since, entered_at, case when recovered_at is null then exiting_since end
            as exiting_since
        from lake.{STATES}
        where segment = ? and profile_id = ? and left_at is null and dropped_at is null
        """,
        [segment.name, profile_id],
    )
    if not rows:
        return None
    state = rows[0]
    if state["entered_at"] is None:
        state["enters_from"] = state["pending_since"] + segment.enter_after
    if state["exiting_since"] is not None:
        state["leaves_from"] = max(
            state["exiting_since"] + segment.exit_after, state["entered_at"] + segment.min_stay
        )
    return state


def _outranked_by(lake: duckdb.DuckDBPyConnection, segment: Segment, profile_id: str) -> str | None:
    """The more important segment of the same exclusive group that has the profile, if any."""
    if segment.exclusive_group is None or not warehouse.relation_exists(lake, STATES):
        return None
    row = lake.execute(
        f"""
        select rules.segment
        from lake.{RULES} as rules
        inner join lake.{STATES} as states using (segment)
        where rules.exclusive_group = ? and states.profile_id = ?
            and states.entered_at is not null and states.left_at is null
            and (rules.priority, rules.segment) < (?, ?)
        order by rules.priority, rules.segment limit 1
        """,
        [segment.exclusive_group, profile_id, segment.priority, segment.name],
    ).fetchone()
    return str(row[0]) if row else None


def _size(lake: duckdb.DuckDBPyConnection, segment: str) -> int:
    if not warehouse.relation_exists(lake, MEMBERSHIPS):
        return 0
    row = lake.execute(
        f"select count(*) from lake.{MEMBERSHIPS} where segment = ?", [segment]
    ).fetchone()
    return int(row[0]) if row else 0


def sizes(lake: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Members of each segment now."""
    if not warehouse.relation_exists(lake, MEMBERSHIPS):
        return {}
    rows = lake.execute(
        f"select segment, count(*) from lake.{MEMBERSHIPS} group by segment"
    ).fetchall()
    return {str(segment): int(size) for segment, size in rows}
