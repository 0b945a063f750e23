"""What a segment would be: its size, who would enter and leave, which members it shares with
others, and why its members are in.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from identity import people
from segmentry import warehouse
from segmentry.errors import UsageError
from segmentry.settings import Settings
from segments import installed
from segments.guard import parse
from segments.installed import Segment
from segments.predicates import Predicate, columns_of

Rows = list[dict[str, Any]]
# Name of a previewed predicate that has no file.
UNNAMED = "where"


def read(settings: Settings, path: Path) -> tuple[Segment, Predicate]:
    """The segment of a file, in the project or not, with its predicate; its yml must satisfy the
    schema.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise UsageError(
            f"{path} cannot be read", allowed="a segment's SQL file", remedy="check the path"
        ) from None
    words = installed.vocabulary(settings)
    if not path.with_suffix(".yml").exists():
        installed.parsed(path.name, text, words)
    segment = installed.load(path, words)
    if segment.predicate is None:
        raise UsageError(
            f"{path.name} is free SQL, which cannot be previewed",
            allowed="a segment of kind predicate",
            remedy="turn its windows and joins into features, then write it as a predicate",
        )
    return segment, segment.predicate


def written(settings: Settings, where: str) -> tuple[Segment, Predicate]:
    """A segment that is a predicate alone, without files; PredicateError where the guard refuses
    it.
    """
    predicate = installed.parsed("--where", where, installed.vocabulary(settings), parse)
    meta = {"owner": "", "purpose": "", "priority": 100}
    return Segment(UNNAMED, Path(UNNAMED), "", meta, predicate, None, ""), predicate


def size(lake: duckdb.DuckDBPyConnection, name: str, predicate: Predicate) -> dict[str, Any]:
    """Exact size now, and entries and exits against the deployed segment of that name."""
    warehouse.require(lake, "profiles.profiles", made_by="profiles")
    row = lake.execute(
        f"""
        with wanted as (select profile_id from lake.profiles.profiles where {predicate.to_sql()}),
        deployed as ({_deployed(lake)})
        select
            (select count(*) from lake.profiles.profiles) as profiles,
            (select count(*) from wanted) as members,
            (select count(*) from deployed) as deployed,
            (select count(*) from wanted anti join deployed using (profile_id)) as entries,
            (select count(*) from deployed anti join wanted using (profile_id)) as exits
        """,
        [name] if warehouse.relation_exists(lake, MEMBERSHIPS) else None,
    ).fetchone()
    profiles, members, deployed, entries, exits = row or (0, 0, 0, 0, 0)
    share = members / profiles if profiles else 0.0
    return {
        "segment": name, "members": members, "profiles": profiles, "share": share,
        "deployed": deployed, "entries": entries, "exits": exits,
    }  # fmt: skip


MEMBERSHIPS = "segments.segment_memberships"


def _deployed(lake: duckdb.DuckDBPyConnection) -> str:
    if warehouse.relation_exists(lake, MEMBERSHIPS):
        return f"select profile_id from lake.{MEMBERSHIPS} where segment = ?"
    return "select null::varchar as profile_id where false"


def overlaps(lake: duckdb.DuckDBPyConnection, name: str, predicate: Predicate) -> Rows:
    """Members in common with every other segment, the largest first."""
    if not warehouse.relation_exists(lake, MEMBERSHIPS):
        return []
    return warehouse.records(
        lake,
        f"""
        with wanted as (select profile_id from lake.profiles.profiles where {predicate.to_sql()})
        select
            members.segment,
            count(*) as in_common,
            count(*) / (select count(*) from wanted) as share_of_this,
            count(*) / max(sizes.size) as share_of_that
        from wanted
        inner join lake.{MEMBERSHIPS} as members using (profile_id)
        inner join (select segment, count(*) as size from lake.{MEMBERSHIPS} group by segment)
            as sizes using (segment)
        where members.segment <> ?
        group by members.segment
        order by in_common desc, members.segment
        """,
        [name],
    )


def sample(lake: duckdb.DuckDBPyConnection, predicate: Predicate, count: int) -> Rows:
    """Some members, the same at every call, with the values that decided."""
    columns = [name for name in columns_of(predicate) if name != "profile_id"]
    return warehouse.records(
        lake,
        f"""
        select {", ".join(["profile_id", *columns])} from lake.profiles.profiles
        where {predicate.to_sql()} order by md5(profile_id) limit {int(count)}
        """,
    )


def contacts(
    lake: duckdb.DuckDBPyConnection, predicate: Predicate, identifiers: Sequence[str]
) -> Rows:
    """Which of these people match the predicate: in, out, or unknown if a value is missing."""
    rows: Rows = []
    for place, identifier in enumerate(identifiers, start=1):
        try:
            profile = people.profile_named(lake, identifier)
        except UsageError as error:
            rows.append({"line": place, "profile_id": None, "verdict": error.received})
            continue
        row = lake.execute(
            f"select {predicate.to_sql()} from lake.profiles.profiles where profile_id = ?",
            [profile],
        ).fetchone()
        verdict = (
            {True: "in", False: "out", None: "out (a value is unknown)"}[row[0]]
            if row
            else "no profile yet"
        )
        rows.append({"line": place, "profile_id": profile, "verdict": verdict})
    return rows
