"""What `segmentry profile` and `segmentry identity` read of the lake."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from identity import shared
from identity.people import Node
from segmentry import tables, warehouse

Row = dict[str, Any]

# A third profile is an identifier to which links of both are refused.
_REFUSALS = """
with placed as (
    select refused.*, lefts.profile_id as left_profile, rights.profile_id as right_profile
    from identity.refused_links as refused
    inner join identity.identifier_mapping as lefts
        on refused.left_type = lefts.identifier_type
            and refused.left_identifier = lefts.identifier
    inner join identity.identifier_mapping as rights
        on refused.right_type = rights.identifier_type
            and refused.right_identifier = rights.identifier
    where lefts.profile_id in ($1, $2) or rights.profile_id in ($1, $2)
),
sides as (
    select left_profile as own, right_profile as met from placed
    union
    select right_profile, left_profile from placed
),
thirds as (
    select met from sides where own = $1
    intersect
    select met from sides where own = $2
)
select *, {detail} as detail_text
from placed
where
    left_profile <> right_profile
    and (
        (left_profile in ($1, $2) and right_profile in ($1, $2))
        or left_profile in (select met from thirds)
        or right_profile in (select met from thirds)
    )
order by first_seen_at, link_id
"""


def links_of(lake: duckdb.DuckDBPyConnection, profile_id: str) -> list[Row]:
    """Links that join a profile's identifiers, with their evidence, the strongest first."""
    return warehouse.records(
        lake,
        """select links.* from identity.identifier_links as links
        anti join identity.refused_links as refused on links.link_id = refused.link_id
        inner join identity.identifier_mapping as mapping
            on links.left_type = mapping.identifier_type
                and links.left_identifier = mapping.identifier
        where mapping.profile_id = ?
        order by links.strength, links.first_seen_at, links.link_id""",
        [profile_id],
    )


def chain(links: Sequence[Mapping[str, Any]], start: Node, end: Node) -> list[Row]:
    """The shortest chain of links from one identifier to another, stronger links first; empty if
    there is none.
    """
    near: dict[Node, list[tuple[Node, Mapping[str, Any]]]] = {}
    for link in links:
        left, right = ends(link)
        near.setdefault(left, []).append((right, link))
        near.setdefault(right, []).append((left, link))
    came: dict[Node, tuple[Node, Mapping[str, Any]] | None] = {start: None}
    waiting = deque([start])
    while waiting and end not in came:
        node = waiting.popleft()
        for other, link in near.get(node, []):
            if other not in came:
                came[other] = (node, link)
                waiting.append(other)
    return _steps(came, end)


def ends(link: Mapping[str, Any]) -> tuple[Node, Node]:
    """The two identifiers of a link."""
    return (link["left_type"], link["left_identifier"]), (
        link["right_type"],
        link["right_identifier"],
    )


def refusals(lake: duckdb.DuckDBPyConnection, one: str, other: str) -> list[Row]:
    """Refused links between two profiles, and those of both to an identifier that they share."""
    has_detail = "detail" in tables.column_names(lake, "lake.identity.refused_links")
    rows = warehouse.records(
        lake,
        _REFUSALS.replace("{detail}", "detail" if has_detail else "cast(null as varchar)"),
        [one, other],
    )
    return [
        {
            "rule": row["rule"],
            "from": ":".join(ends(row)[0]),
            "to": ":".join(ends(row)[1]),
            "reason": row["reason"],
            "why": shared.why(lake, row),
            "first_seen_at": row["first_seen_at"],
            "source": row["source"],
            "record_id": row["record_id"],
        }
        for row in rows
    ]


def cut_between(
    links: Sequence[Mapping[str, Any]], start: Node, end: Node
) -> list[tuple[Node, Node]]:
    """Pairs to cut so that no chain joins the two: of each chain its weakest link, the newest among
    equals.
    """
    cuts: list[tuple[Node, Node]] = []
    left = list(links)
    while steps := chain(left, start, end):
        pairs = {frozenset((step["from"], step["to"])) for step in steps}
        on_chain = [
            link for link in left if frozenset(":".join(node) for node in ends(link)) in pairs
        ]
        best = {
            frozenset(ends(link)): link for link in reversed(on_chain)
        }  # links come strongest first
        weakest = max(
            best.values(),
            key=lambda link: (link["strength"], link["first_seen_at"], link["link_id"]),
        )
        cuts.append(ends(weakest))
        left = [link for link in left if frozenset(ends(link)) != frozenset(ends(weakest))]
    return cuts


def _steps(came: Mapping[Node, tuple[Node, Mapping[str, Any]] | None], end: Node) -> list[Row]:
    steps: list[Row] = []
    node = end
    while (step := came.get(node)) is not None:
        before, link = step
        steps.append(
            {
                "from": ":".join(before),
                "to": ":".join(node),
                "rule": link["rule"],
                "first_seen_at": link["first_seen_at"],
                "source": link["source"],
                "record_id": link["record_id"],
                "records": link["records"],
            }
        )
        node = before
    return steps[::-1]
