"""What `segmentry profile` and `segmentry identity` read of the lake."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from segmentry import warehouse
from segmentry.errors import UsageError

Row = dict[str, Any]
Node = tuple[str, str]


def find(lake: duckdb.DuckDBPyConnection, text: str) -> str:
    """The current profile_id of a profile_id or ``type:value`` in any spelling, or UsageError."""
    warehouse.require(lake, "identity.identifier_mapping", made_by="identity")
    kind, colon, value = text.partition(":")
    if not colon:
        rows = lake.execute(
            "select current_profile_id from identity.profile_resolution where profile_id = ?", [text]
        ).fetchall()
    else:
        node = spelled(lake, kind, value)
        rows = lake.execute(
            "select profile_id from identity.identifier_mapping where identifier_type = ? and identifier = ?",
            list(node),
        ).fetchall()
    if not rows:
        raise UsageError(
            "nobody is known by that identifier",
            allowed="a profile_id, or type:value with one of the types " + ", ".join(types(lake)),
            remedy="check the spelling; identity.refused_identifiers holds the values that were refused, with reasons",
        )
    return str(rows[0][0])


def spelled(lake: duckdb.DuckDBPyConnection, kind: str, value: str) -> Node:
    """An identifier in the form it is stored in, or UsageError where its type is not known."""
    if kind not in types(lake):
        raise UsageError(
            f"'{kind}' is not a type of identifier",
            allowed=", ".join(types(lake)),
            remedy="write type:value, such as user_id:1042",
        )
    row = lake.execute(
        """select identifier from identity.identifier_values
        where identifier_type = ? and value = ? and identifier is not null order by identifier limit 1""",
        [kind, value],
    ).fetchone()
    plain = value.strip().lower() if kind == "email" else value.strip()
    return kind, str(row[0]) if row else plain


def types(lake: duckdb.DuckDBPyConnection) -> list[str]:
    """Identifier types, the strongest first."""
    rows = lake.execute("select identifier_type from identity.policy_types order by priority").fetchall()
    return [str(row[0]) for row in rows]


def links_of(lake: duckdb.DuckDBPyConnection, profile_id: str) -> list[Row]:
    """Links that hold a profile together, with their evidence, the strongest first."""
    return warehouse.records(
        lake,
        """select links.* from identity.identifier_links as links
        anti join identity.refused_links as refused on links.link_id = refused.link_id
        inner join identity.identifier_mapping as mapping
            on links.left_type = mapping.identifier_type and links.left_identifier = mapping.identifier
        where mapping.profile_id = ?
        order by links.strength, links.first_seen_at, links.link_id""",
        [profile_id],
    )


def chain(links: Sequence[Mapping[str, Any]], start: Node, end: Node) -> list[Row]:
    """The shortest chain of links from one identifier to another, stronger links first; empty where there is none."""
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
    return (link["left_type"], link["left_identifier"]), (link["right_type"], link["right_identifier"])


def refusals(lake: duckdb.DuckDBPyConnection, one: str, other: str) -> list[Row]:
    """Refused links between two profiles."""
    return warehouse.records(
        lake,
        """select refused.rule, refused.left_type || ':' || refused.left_identifier as "from",
            refused.right_type || ':' || refused.right_identifier as "to", refused.reason, refused.first_seen_at,
            refused.source, refused.record_id
        from identity.refused_links as refused
        inner join identity.identifier_mapping as lefts
            on refused.left_type = lefts.identifier_type and refused.left_identifier = lefts.identifier
        inner join identity.identifier_mapping as rights
            on refused.right_type = rights.identifier_type and refused.right_identifier = rights.identifier
        where (lefts.profile_id = ? and rights.profile_id = ?) or (lefts.profile_id = ? and rights.profile_id = ?)
        order by refused.first_seen_at, refused.link_id""",
        [one, other, other, one],
    )


def cut_between(links: Sequence[Mapping[str, Any]], start: Node, end: Node) -> list[tuple[Node, Node]]:
    """Pairs to cut so that no chain joins the two: of each chain its weakest link, the newest among equals."""
    cuts: list[tuple[Node, Node]] = []
    left = list(links)
    while steps := chain(left, start, end):
        pairs = {frozenset((step["from"], step["to"])) for step in steps}
        on_chain = [link for link in left if frozenset(":".join(node) for node in ends(link)) in pairs]
        best = {frozenset(ends(link)): link for link in reversed(on_chain)}  # links come strongest first
        weakest = max(best.values(), key=lambda link: (link["strength"], link["first_seen_at"], link["link_id"]))
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
