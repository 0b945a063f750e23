"""What decisions read of the lake: people, segment sizes and how segments overlap."""

from __future__ import annotations

import duckdb

from experiments import definitions
from experiments.content import files
from experiments.decide import person
from experiments.decide.decisions import Content
from experiments.decide.person import ANALYTICS, PERSONALIZATION, PurposeBasis, Visitor
from segmentry import warehouse
from segmentry.settings import Settings

_MEMBERSHIPS = "segments.segment_memberships"


def content(settings: Settings, lake: duckdb.DuckDBPyConnection | None) -> Content:
    """The slots with what they are decided by; without a lake no segment has a known size."""
    bases = person.bases(settings)
    return Content(
        slots=files.load(settings),
        experiments=definitions.load(settings),
        consent=bases.get(PERSONALIZATION, PurposeBasis()),
        analytics=bases.get(ANALYTICS, PurposeBasis()),
        sizes=sizes(lake) if lake else {},
    )


def sizes(lake: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Segment to the number of its members; one without members is missing."""
    if not warehouse.relation_exists(lake, _MEMBERSHIPS):
        return {}
    rows = lake.execute(f"select segment, count(*) from lake.{_MEMBERSHIPS} group by segment")
    return {str(segment): int(count) for segment, count in rows.fetchall()}


def shared(lake: duckdb.DuckDBPyConnection) -> dict[frozenset[str], int]:
    """Pair of segments to the profiles in both; a pair that shares none is missing."""
    if not warehouse.relation_exists(lake, _MEMBERSHIPS):
        return {}
    rows = lake.execute(
        f"""
        select one.segment, other.segment, count(*)
        from lake.{_MEMBERSHIPS} as one
        inner join lake.{_MEMBERSHIPS} as other
            on one.profile_id = other.profile_id and one.segment < other.segment
        group by one.segment, other.segment"""
    )
    return {frozenset({one, other}): int(count) for one, other, count in rows.fetchall()}


def read_person(lake: duckdb.DuckDBPyConnection, profile_id: str) -> Visitor | None:
    """A person as the newest batch left it; None for a profile that it does not have."""
    warehouse.require(lake, "profiles.profiles", made_by="profiles")
    found = lake.execute("select * from lake.profiles.profiles where profile_id = ?", [profile_id])
    names = [column[0] for column in found.description or ()]
    row = found.fetchone()
    if row is None:
        return None
    members: list[tuple[str]] = []
    if warehouse.relation_exists(lake, _MEMBERSHIPS):
        members = lake.execute(
            f"select segment from lake.{_MEMBERSHIPS} where profile_id = ?", [profile_id]
        ).fetchall()
    segments = frozenset(str(segment) for (segment,) in members)
    return person.person_of(dict(zip(names, row, strict=True)), segments)
