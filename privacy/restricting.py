"""Restriction and objection of one person, and the end of them: who it is, what changes, and when.

segmentry.restrictions keeps them; the rule of consent reads them, so nothing here decides who may
be reached.
"""

from __future__ import annotations

from typing import Any

import duckdb

from identity import people
from segmentry import restrictions, waiting, warehouse, withdrawals
from segmentry.errors import UsageError
from segmentry.restrictions import DECISION, Named, Request
from segmentry.settings import Settings
from segmentry.stages import RunContext

_NOW = "now, for every request from here on; the next run removes the person from "
_EFFECTS = {
    "any": "features, training, scores, segments and experiments",
    restrictions.PROFILING: "training, scores, personas, experiments and segments for profiling",
}
_FOR_OTHERS = "now, for every request from here on, and for audiences from the next run on"


def record(settings: Settings, identifier: str, request: Request) -> dict[str, Any]:
    """Put a person under a restriction or an objection; returns what it changes, without a value.

    A repeated call changes nothing. UsageError if nobody is known by the identifier.
    """
    warehouse.prepare(settings)
    with warehouse.connect(settings) as lake:
        waiting.ensure(lake)
        named = _named(lake, identifier)
        ids: list[str] = []
        waiting.again(lambda: ids.append(restrictions.add(lake, named, request)))
    _bring_rule_up_to_date(settings)
    profiles, syncs = waiting.reached_by(settings, [f"{DECISION}{ids[-1]}"])
    effect = _EFFECTS.get(request.purpose)
    counts = _NOW + effect if effect else _FOR_OTHERS
    if syncs and request.purpose != restrictions.PROFILING:
        counts += f"; the next `segmentry sync apply` or run removes them from {', '.join(syncs)}"
    return {
        "restriction": ids[-1],
        "kind": request.kind,
        "purpose": request.purpose,
        "identifiers": len(named),
        "profiles": profiles,
        "counts": counts,
    }


def lift(
    settings: Settings, identifier: str, purpose: str | None, by: str, reason: str
) -> list[dict[str, Any]]:
    """End what is in force for a person: all of it, or that of one purpose; returns what ended.

    Decisions of consent stay as they are: who opted out before is opted out after.
    """
    warehouse.prepare(settings)
    with warehouse.connect(settings) as lake:
        restrictions.ensure(lake)
        named = _all_named(lake, identifier)
        existing = restrictions.in_force(lake, named, purpose=purpose)
        if not existing:
            raise UsageError(
                "no restriction or objection is in force for this person"
                + (f" and the purpose '{purpose}'" if purpose else ""),
                allowed="a person of `segmentry privacy restrictions`",
                remedy="check the identifier and the purpose; nothing was changed",
            )
        ids = sorted({str(row["restriction_id"]) for row in existing})
        waiting.again(lambda: restrictions.lift(lake, ids, by, reason))
    ended = {row["restriction_id"]: row for row in existing}
    return [
        {
            "restriction": name,
            "kind": ended[name]["kind"],
            "purpose": ended[name]["purpose"],
            "since": ended[name]["since"],
            "counts": "for requests now, for all else from the next run on; consent is what it was",
        }
        for name in ids
    ]


def listed(settings: Settings, *, is_all: bool) -> list[dict[str, Any]]:
    """Restrictions and objections, the newest first, by profile and without identifiers. is_all:
    those that are lifted too.
    """
    warehouse.prepare(settings)
    with warehouse.connect(settings, read_only=True) as lake:
        if not warehouse.relation_exists(lake, restrictions.TABLE):
            return []
        where = "" if is_all else "where r.lifted_at is null"
        return warehouse.records(
            lake,
            f"""
            select r.restriction_id as restriction, r.kind, r.purpose, r.since,
                coalesce(string_agg(distinct m.profile_id, ', ' order by m.profile_id), '')
                    as profiles,
                r.reason, r.recorded_by, r.lifted_at, r.lifted_by, r.lift_reason
            from lake.{restrictions.TABLE} as r
            left join lake.identity.identifier_mapping as m using (identifier_type, identifier)
            {where}
            group by all
            order by r.since desc, restriction
            """,
        )


def _named(lake: duckdb.DuckDBPyConnection, identifier: str) -> list[Named]:
    """The identifiers that a restriction names: those of the person, and no browser or device,
    which another person may use later, unless there is nothing else.
    """
    named = _all_named(lake, identifier)
    personal = {
        kind
        for (kind,) in lake.execute(
            "select identifier_type from lake.identity.policy_types where is_personal"
        ).fetchall()
    }
    return [one for one in named if one[0] in personal] or named


def _all_named(lake: duckdb.DuckDBPyConnection, identifier: str) -> list[Named]:
    profile = people.profile_named(lake, identifier)
    return lake.execute(
        "select identifier_type, identifier from lake.identity.identifier_mapping"
        " where profile_id = ? order by all",
        [profile],
    ).fetchall()


def _bring_rule_up_to_date(settings: Settings) -> None:
    """A lake that an older release built has its rule of consent rebuilt first."""
    with warehouse.connect(settings, read_only=True) as lake:
        is_old = warehouse.relation_exists(lake, "marts.consents") and not (
            warehouse.relation_exists(lake, restrictions.RESTRICTED)
        )
    if is_old:
        with warehouse.writing(settings):
            withdrawals.refresh(RunContext(settings))
