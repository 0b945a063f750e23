"""Whether segments do what they are for: sizes and moves, conflicts and overlaps, and a sample that
people judge.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb

from segmentry import warehouse
from segmentry.errors import UsageError
from segments.installed import Segment
from segments.membership import HISTORY, MEMBERSHIPS, STATES, Rows
from segments.predicates import columns_of

# Pairs that share less than this of the smaller one are what chance brings about.
LEAST_SHARE = 0.5
VERDICTS = ("yes", "no")


def sizes(lake: duckdb.DuckDBPyConnection, found: Mapping[str, Segment], days: int) -> Rows:
    """Per segment its members, its moves in the last days before the clock, and what is odd about
    it.

    churn: the share of those who were in it during these days that left. Who is in at the first
    evaluation of all has no past to have come from, and does not count as an entry.
    """
    warehouse.require(lake, HISTORY, made_by="memberships")
    rows = warehouse.records(
        lake,
        f"""
        with clock as (
            select as_of - ? as since, (select min(entered_at) from lake.{HISTORY}) as began_at
            from lake.observability.clock
        )
        select
            segment,
            count(*) filter (where left_at is null) as members,
            count(*) filter (where entered_at > greatest(since, began_at)) as entered,
            count(*) filter (where left_at > since) as left_segment,
            count(distinct profile_id) filter (where left_at is null or left_at > since) as were_in,
            max(greatest(entered_at, coalesce(left_at, entered_at))) as changed_at,
            max(began_at) <= max(since) as is_long_observed,
            max(since) as since
        from lake.{HISTORY} cross join clock
        group by segment
        """,
        [timedelta(days=days)],
    )
    measured = {row["segment"]: row for row in rows}
    waiting = _without_place(lake)
    return [
        _size(name, segment, measured.get(name), waiting.get(name, 0), days)
        for name, segment in found.items()
    ]


def _without_place(lake: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Profiles that are in a segment by the dwell rules, whether or not priority and size let them
    be members.
    """
    rows = lake.execute(
        f"select segment, count(*) from lake.{STATES} where entered_at is not null and left_at is"
        " null group by segment"
    ).fetchall()
    return {str(segment): int(count) for segment, count in rows}


def _size(
    name: str, segment: Segment, measured: dict[str, Any] | None, waiting: int, days: int
) -> dict[str, Any]:
    members, were_in = (measured["members"], measured["were_in"]) if measured else (0, 0)
    remarks = []
    if not members:
        least = int(segment.meta.get("min_size", 0))
        remarks.append(
            f"too small: {waiting} where {least} are needed" if 0 < waiting < least else "empty"
        )
    if measured and measured["is_long_observed"] and measured["changed_at"] <= measured["since"]:
        remarks.append(f"unchanged: no profile entered or left for {days} days")
    return {
        "segment": name,
        "members": members,
        "entered": measured["entered"] if measured else 0,
        "left": measured["left_segment"] if measured else 0,
        "churn": measured["left_segment"] / were_in if measured and were_in else 0.0,
        "changed_at": measured["changed_at"] if measured else None,
        "remark": "; ".join(remarks),
    }


def conflicts(lake: duckdb.DuckDBPyConnection, found: Mapping[str, Segment]) -> Rows:
    """Pairs of segments whose actions must not meet in one person, with the number of persons in
    both.
    """
    rows: Rows = []
    for first in found.values():
        for second in found.values():
            action = second.meta.get("action")
            if first.name == second.name or action not in first.meta.get("conflicts_with", []):
                continue
            row = lake.execute(
                f"""
                select count(*) from lake.{MEMBERSHIPS} as one
                inner join lake.{MEMBERSHIPS} as other using (profile_id)
                where one.segment = ? and other.segment = ?
                """,
                [first.name, second.name],
            ).fetchone()
            rows.append(
                {
                    "segment": first.name,
                    "action": first.meta.get("action"),
                    "conflicts_with": second.name,
                    "its_action": action,
                    "profiles": row[0] if row else 0,
                }
            )
    return sorted(rows, key=lambda row: (-row["profiles"], row["segment"], row["conflicts_with"]))


def overlaps(lake: duckdb.DuckDBPyConnection) -> Rows:
    """Pairs of segments that share at least half of the smaller one; the largest share first."""
    return warehouse.records(
        lake,
        f"""
        with sizes as (select segment, count(*) as members from lake.{MEMBERSHIPS}
            group by segment),
        pairs as (
            select one.segment as smaller, other.segment as larger, count(*) as in_common
            from lake.{MEMBERSHIPS} as one inner join lake.{MEMBERSHIPS} as other using (profile_id)
            where one.segment <> other.segment
            group by all
        )
        select smaller, small.members, larger, large.members as members_of_larger, in_common,
            in_common / small.members as share_of_smaller
        from pairs
        inner join sizes as small on pairs.smaller = small.segment
        inner join sizes as large on pairs.larger = large.segment
        where (small.members, smaller) < (large.members, larger) and in_common >= ? * small.members
        order by share_of_smaller desc, in_common desc, smaller, larger
        """,
        [LEAST_SHARE],
    )


def sample(lake: duckdb.DuckDBPyConnection, segment: Segment, count: int, seed: int) -> Rows:
    """Members drawn at random, the same for the same seed and members, each with the values that
    decided.
    """
    warehouse.require(lake, MEMBERSHIPS, made_by="memberships")
    columns = columns_of(segment.predicate) if segment.predicate else []
    values = "".join(f", profiles.{name}" for name in columns if name != "profile_id")
    return warehouse.records(
        lake,
        f"""
        select members.profile_id{values}, members.entered_at as member_since, '' as verdict
        from lake.{MEMBERSHIPS} as members
        inner join lake.profiles.profiles as profiles using (profile_id)
        where members.segment = ?
        order by md5(concat_ws('|', ?, members.profile_id)), members.profile_id
        limit ?
        """,
        [segment.name, str(seed), count],
    )


def write(rows: Rows, path: Path) -> None:
    """The sample as CSV; people fill the column verdict with yes or no."""
    names = list(rows[0]) if rows else ["profile_id", "verdict"]
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, names, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}",
            allowed="a file in a folder that is there",
            remedy="check the path",
        ) from None


def judged(path: Path) -> Rows:
    """The rows of a sample that people have judged, each with the verdict yes or no."""
    rows = [row for row in _rows(path) if row["verdict"]]
    if not rows:
        raise UsageError(
            f"{path.name} has no verdict yet", allowed="yes or no", remedy="fill the column verdict"
        )
    return rows


def precision(rows: Rows) -> dict[str, Any]:
    """The share of judged members that belong in the segment, with its 95 % interval (Wilson's)."""
    right = sum(row["verdict"] == "yes" for row in rows)
    total = len(rows)
    low, high = wilson(right, total)
    return {"judged": total, "right": right, "precision": right / total, "low": low, "high": high}


def _rows(path: Path) -> Rows:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error):
        raise UsageError(
            f"{path} cannot be read", allowed="a CSV file in UTF-8", remedy="check the path"
        ) from None
    found: Rows = []
    for line, row in enumerate(rows, start=2):
        verdict = (row.get("verdict") or "").strip().lower() if "verdict" in row else None
        if verdict is None or verdict not in (*VERDICTS, ""):
            raise UsageError(
                f"{path.name}, line {line}: "
                + (
                    "there is no column verdict"
                    if verdict is None
                    else "a verdict that is neither yes nor no"
                ),
                allowed="a column verdict with yes, no, or nothing where nobody judged",
                remedy="begin from the file that `segmentry segments audit NAME --out FILE` writes",
            )
        found.append(
            {**{name: value for name, value in row.items() if name is not None}, "verdict": verdict}
        )
    return found


def report(
    lake: duckdb.DuckDBPyConnection, found: Mapping[str, Segment], days: int
) -> dict[str, Rows]:
    """The tables of the audit of all segments."""
    return {
        "sizes": sizes(lake, found, days),
        "conflicts": conflicts(lake, found),
        "overlaps": overlaps(lake),
    }


def wilson(right: int, total: int) -> tuple[float, float]:
    """Ends of the 95 % interval of a share (Wilson 1927), which is valid for few judgements and for
    0 and 1 too.
    """
    z = 1.959964
    share = right / total
    spread = z * z / total
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / total + spread / total / 4) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)
