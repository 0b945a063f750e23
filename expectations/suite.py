"""The content of a suite file, and what it may read while it is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

from segmentry import discovery, warehouse
from segmentry.errors import ConfigError
from segmentry.settings import Settings

GATES = ("raw", "features", "memberships", "audiences")


@dataclass(frozen=True)
class Rule:
    """Rows that must not be there.

    text: what is true when no row is found, in words. where: a predicate over the table that finds
    the rows against it. is_warning: reported, and does not stop anything. may_be_released: an
    operator may let failing rows through; by default in every gate but `audiences`, where a failing
    row is a person who must not be reached.
    """

    text: str
    where: str
    is_warning: bool = False
    may_be_released: bool | None = None


def row_faults(text: str, where: str, relation: str, limits: Mapping[str, Any]) -> list[Rule]:
    """Rules for a fault of single rows: a few are reported, and only many of them stop what is
    behind the gate.

    limits: the gate's policies, with ``max_faulty_share`` (of the relation's rows) and
    ``min_faulty_rows``: both must be exceeded. One bad record never stops the others.
    """
    share = float(limits["max_faulty_share"])
    least = int(limits["min_faulty_rows"])
    many = (
        f"(select count(*) filter (where {where}) > greatest({least}, {share} * count(*)) from"
        f" lake.{relation} as t)"
    )
    return [
        Rule(text, where, is_warning=True),
        Rule(f"{text}, but for {share:.0%} of the rows or {least}", f"({where}) and {many}"),
    ]


@dataclass(frozen=True)
class Table:
    """One relation and the rules that its rows must satisfy.

    query: the rows looked at, by default the whole relation. row_key: SQL that names a row without
    a personal value (a profile or record id). unique: columns that together occur once, none of
    them NULL. columns: exactly these columns, where given. at_least: fewest rows.
    """

    relation: str
    row_key: str
    unique: Sequence[str] = ()
    rules: Sequence[Rule] = ()
    columns: Sequence[str] = ()
    at_least: int = 0
    query: str = ""

    @property
    def sql(self) -> str:
        """The rows looked at."""
        return self.query or f"select * from lake.{self.relation}"


@dataclass(frozen=True)
class View:
    """The lake as a gate sees it: one snapshot, the settings and the policies."""

    lake: duckdb.DuckDBPyConnection
    settings: Settings
    snapshot: int
    policies: Mapping[str, Any] = field(default_factory=dict)

    def relations(self, schema: str, start: str = "") -> list[str]:
        """Relations of a schema whose name begins with start."""
        found = warehouse.relations(self.lake, schema, snapshot=self.snapshot)
        return [relation for relation in found if relation.startswith(f"{schema}.{start}")]

    def columns(self, relation: str) -> dict[str, str]:
        """Column names of a relation, with their types."""
        rows = self.lake.execute(f"describe lake.{relation}").fetchall()
        return {row[0]: row[1] for row in rows}

    def has(self, relation: str) -> bool:
        """Whether the relation exists."""
        return warehouse.relation_exists(self.lake, relation)

    def require(self, relation: str, *, made_by: str) -> None:
        """Raise NotReadyError unless the relation exists: a gate must not pass for want of what it
        looks at.
        """
        warehouse.require(self.lake, relation, made_by=made_by)


@dataclass(frozen=True)
class Suite:
    """One file of expectations/suites/: the gate it belongs to, and the tables it looks at."""

    gate: str
    description: str
    tables: Callable[[View], Sequence[Table]]


def suites(gate: str) -> dict[str, Suite]:
    """Suites of a gate by file name; a file that does not fit is a ConfigError that names it."""
    found = discovery.members("expectations.suites", "SUITE", Suite)
    for name, suite in found.items():
        if suite.gate not in GATES:
            raise ConfigError(
                f"expectations/suites/{name}.py belongs to the gate '{suite.gate}'",
                allowed=", ".join(GATES),
                remedy="name one of these gates",
            )
    return {name: suite for name, suite in found.items() if suite.gate == gate}
