"""Carries the identity part of config/policies.yml into the lake, where the identity stage reads
it.

The policy travels as tables, so that a changed rule needs no new parse of the dbt project and every
version of it stays readable in the lake's history.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from identity import corrections, differences
from segmentry import configuration, warehouse
from segmentry.settings import Settings

Row = tuple[Any, ...]
Identifier = tuple[str, str]

# Types that identify devices and not people, unless the policy states otherwise.
_OF_DEVICES = frozenset({"cookie", "device_id"})
_COLUMNS: Mapping[str, str] = {
    "policy_types": (
        "identifier_type varchar, priority integer, most_per_profile bigint, most_links bigint, "
        "most_people bigint, is_personal boolean, has_low_limits boolean, most_by_use bigint"
    ),
    "policy_links": (
        "rule varchar, strength integer, is_used boolean, alone_on varchar, level integer, "
        "is_ownership boolean, is_certain boolean"
    ),
    "policy_differences": "trait varchar",
    "policy_blocks": "identifier_type varchar, pattern varchar, reason varchar",
    "policy_traits": (
        "trait varchar, attribute_group varchar, strategy varchar, source varchar, position integer"
    ),
    "policy_probabilistic": "is_used boolean, link_above double",
    # Cuts are decisions of an operator (`segmentry identity unmerge`): made here, never overwritten
    # from the file.
    "policy_cuts": (
        "left_type varchar, left_identifier varchar, right_type varchar, right_identifier varchar"
    ),
    # Likely pairs of contacts (`segmentry identity suggest`) with the decision of a reviewer.
    "link_candidates": (
        "left_crm_id varchar, right_crm_id varchar, probability double, known_at timestamp, "
        "verdict varchar, decided_at timestamp"
    ),
}


def write_policy(settings: Settings) -> None:
    """Bring the policy tables of the lake up to the file; tables that already agree are left
    alone.
    """
    wanted = policy_rows(configuration.policies(settings)["identity"])
    with warehouse.connect(settings) as lake:
        for name, columns in _COLUMNS.items():
            lake.execute(f"create table if not exists lake.identity.{name} ({columns})")
        corrections.ensure(lake)
        for name, rows in wanted.items():
            _reshape(lake, name)
            _replace(lake, name, rows)


def table_columns() -> dict[str, str]:
    """The policy's tables and their columns."""
    return dict(_COLUMNS)


def policy_rows(policy: Mapping[str, Any]) -> dict[str, list[Row]]:
    """The identity part of the policy as rows of its tables."""
    guessing = policy.get("probabilistic", {})
    levels = _levels(policy["rules"])
    weak_from = _weak_from(policy["rules"])
    return {
        "policy_differences": [(trait,) for trait in policy.get("differences", differences.TRAITS)],
        "policy_probabilistic": [(guessing.get("use", False), guessing.get("link_above"))],
        "policy_types": [
            (
                kind["name"],
                rank,
                *(kind.get(limit) for limit in ("most_per_profile", "most_links", "most_people")),
                kind.get("personal", kind["name"] not in _OF_DEVICES),
                kind.get("low_limits", True),
                kind.get("most_by_use"),
            )
            for rank, kind in enumerate(policy["types"], start=1)
        ],
        "policy_links": [
            (
                rule["name"],
                rank,
                rule.get("use", True),
                rule.get("alone_on"),
                levels[rule["name"]],
                rule.get("proves") == "ownership",
                rank < weak_from,
            )
            for rank, rule in enumerate(policy["rules"], start=1)
        ],
        "policy_blocks": [
            (block.get("type"), block["pattern"], block["reason"]) for block in policy["blocked"]
        ],
        "policy_traits": [
            (trait, choice["group"], choice["strategy"], source, position)
            for trait, choice in policy["traits"].items()
            for position, source in enumerate(choice["sources"] or ["*"], start=1)
        ],
    }


def _levels(rules: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """The level of each rule: its rank, or that of the first rule that proves the same."""
    first: dict[str, int] = {}
    return {
        rule["name"]: first.setdefault(rule["proves"], rank) if "proves" in rule else rank
        for rank, rule in enumerate(rules, start=1)
    }


def _weak_from(rules: Sequence[Mapping[str, Any]]) -> int:
    """The rank of the first rule that proves ownership or use; without one, a rank beyond all."""
    return next(
        (
            rank
            for rank, rule in enumerate(rules, start=1)
            if rule.get("proves") in {"ownership", "use"}
        ),
        len(rules) + 1,
    )


def separate(settings: Settings, pairs: Sequence[tuple[Identifier, Identifier]]) -> None:
    """Record that two identifiers are never to be linked, whichever of them a source names
    first.
    """
    write_policy(settings)
    rows = {(*one, *other) for one, other in pairs} | {(*other, *one) for one, other in pairs}
    with warehouse.connect(settings) as lake:
        existing = set(lake.execute("select * from lake.identity.policy_cuts").fetchall())
        if new := sorted(rows - existing):
            lake.execute("begin")
            lake.executemany("insert into lake.identity.policy_cuts values (?, ?, ?, ?)", new)
            lake.execute("commit")


def _reshape(lake: duckdb.DuckDBPyConnection, name: str) -> None:
    # A table of an earlier release may lack a column. It contains nothing that is not in the file.
    existing = [row[0] for row in lake.execute(f"describe lake.identity.{name}").fetchall()]
    if existing != [column.split()[0] for column in _COLUMNS[name].split(", ")]:
        lake.execute(f"create or replace table lake.identity.{name} ({_COLUMNS[name]})")


def _replace(lake: duckdb.DuckDBPyConnection, name: str, rows: Sequence[Row]) -> None:
    existing = lake.execute(f"select * from lake.identity.{name}").fetchall()
    if sorted(existing, key=repr) == sorted(rows, key=repr):
        return
    lake.execute("begin")
    lake.execute(f"delete from lake.identity.{name}")
    if rows:
        marks = ", ".join("?" for _ in rows[0])
        lake.executemany(f"insert into lake.identity.{name} values ({marks})", rows)
    lake.execute("commit")
