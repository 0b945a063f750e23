"""Sizes of the segments before and after a change, on the profiles of one lake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from runtime.ci.versions import Versions
from segmentry import warehouse
from segmentry.errors import SegmentryError, UsageError
from segments import installed
from segments.installed import Segment
from segments.predicates import Predicate, columns_of

# Members as the lake has them, and as the change would make them; (segment, profile_id).
MEMBERS_BEFORE = "temp.main.ci_members_before"
MEMBERS_AFTER = "temp.main.ci_members_after"
_MEMBERSHIPS = "segments.segment_memberships"


@dataclass(frozen=True)
class SegmentChange:
    """One segment. before, after: profiles that the predicate matches; None where it is not
    counted, and note states why. change: added, removed, changed, or empty for none.
    """

    segment: str
    change: str
    before: int | None
    after: int | None
    entries: int | None
    exits: int | None
    note: str

    @property
    def moved(self) -> int:
        """Profiles that would enter or leave."""
        return (self.entries or 0) + (self.exits or 0)


def segments_of(versions: Versions) -> tuple[dict[str, Segment], dict[str, Segment]]:
    """The segments of base and head; a definition of the base that is refused is a UsageError."""
    try:
        base = installed.load_all(versions.base)
    except SegmentryError as error:
        raise UsageError(
            f"the segments of the base cannot be read: {error.received}",
            allowed="a base whose `segmentry check segments` passes",
            remedy="choose another commit with --base",
        ) from None
    return base, installed.load_all(versions.head)


def changes(
    lake: duckdb.DuckDBPyConnection, base: Mapping[str, Segment], head: Mapping[str, Segment]
) -> list[SegmentChange]:
    """Every segment of either version, by name; fills MEMBERS_BEFORE and MEMBERS_AFTER."""
    warehouse.require(lake, "profiles.profiles", made_by="profiles")
    warehouse.require(lake, _MEMBERSHIPS, made_by="segments")
    known = {row[0] for row in lake.execute("describe lake.profiles.profiles").fetchall()}
    lake.execute(
        f"create or replace temp table {MEMBERS_BEFORE.rpartition('.')[2]} as"
        f" select * from lake.{_MEMBERSHIPS}"
    )
    lake.execute(
        f"create or replace temp table {MEMBERS_AFTER.rpartition('.')[2]} as"
        f" select * from {MEMBERS_BEFORE}"
    )
    found = [
        _change(lake, name, base.get(name), head.get(name), known)
        for name in sorted({*base, *head})
    ]
    _keep_groups_exclusive(lake, head, [one.segment for one in found if one.moved])
    return found


def _change(
    lake: duckdb.DuckDBPyConnection,
    name: str,
    base: Segment | None,
    head: Segment | None,
    known: set[str],
) -> SegmentChange:
    word = _word(base, head)
    reason = _not_counted(base, known) or _not_counted(head, known)
    if reason and (word or "lake" in reason):
        return SegmentChange(name, word, None, None, None, None, reason)
    if reason:
        return SegmentChange(name, word, None, None, 0, 0, "")
    before = _match(base)
    after = _match(head)
    row = lake.execute(f"""
        select count(*) filter (where is_before), count(*) filter (where is_after),
            count(*) filter (where is_after and not is_before),
            count(*) filter (where is_before and not is_after)
        from (
            select coalesce({before}, false) as is_before, coalesce({after}, false) as is_after
            from lake.profiles.profiles
        )
        """).fetchone()
    size_before, size_after, entries, exits = map(int, row or (0, 0, 0, 0))
    if entries or exits:
        _move(lake, name, before, after, head)
    note = _dwell_note(base, head)
    return SegmentChange(name, word, size_before, size_after, entries, exits, note)


def _word(base: Segment | None, head: Segment | None) -> str:
    if base is None or head is None:
        return "added" if base is None else "removed"
    is_same = base.definition_version == head.definition_version
    return "" if is_same and dict(base.meta) == dict(head.meta) else "changed"


def _not_counted(segment: Segment | None, known: set[str]) -> str:
    if segment is None:
        return ""
    if segment.predicate is None:
        return "not counted: it is free SQL"
    missing = [name for name in columns_of(segment.predicate) if name not in known]
    return f"not counted: the lake does not have {', '.join(missing)} yet" if missing else ""


def _match(segment: Segment | None) -> str:
    predicate: Predicate | None = segment.predicate if segment else None
    return f"({predicate.to_sql()})" if predicate is not None else "false"


def _dwell_note(base: Segment | None, head: Segment | None) -> str:
    if base is None or head is None:
        return ""
    spans = [(s.enter_after, s.exit_after, s.min_stay) for s in (base, head)]
    return "dwell times change" if spans[0] != spans[1] else ""


def _move(
    lake: duckdb.DuckDBPyConnection, name: str, before: str, after: str, head: Segment | None
) -> None:
    """Put those who enter into MEMBERS_AFTER, and take those who leave out of it."""
    version = head.definition_version if head else ""
    lake.execute(
        f"delete from {MEMBERS_AFTER} where segment = ? and profile_id in (select profile_id from"
        f" lake.profiles.profiles where coalesce({before}, false)"
        f" and not coalesce({after}, false))",
        [name],
    )
    lake.execute(
        f"insert into {MEMBERS_AFTER} (segment, profile_id, entered_at, definition_version)"
        " select ?, profile_id, as_of, ? from lake.profiles.profiles"
        f" where coalesce({after}, false) and not coalesce({before}, false) and profile_id not in"
        f" (select profile_id from {MEMBERS_AFTER} where segment = ?)",
        [name, version, name],
    )


def _keep_groups_exclusive(
    lake: duckdb.DuckDBPyConnection, head: Mapping[str, Segment], moved: Sequence[str]
) -> None:
    """Of an exclusive group that a move concerns, a profile keeps the first by priority."""
    groups = {head[name].exclusive_group for name in moved if name in head} - {None}
    for group in sorted(map(str, groups)):
        members = sorted(
            (one for one in head.values() if one.exclusive_group == group),
            key=lambda one: (one.priority, one.name),
        )
        for place, one in enumerate(members[1:], start=1):
            better = [other.name for other in members[:place]]
            lake.execute(
                f"delete from {MEMBERS_AFTER} where segment = ? and profile_id in (select"
                f" profile_id from {MEMBERS_AFTER} where list_contains(?, segment))",
                [one.name, better],
            )
