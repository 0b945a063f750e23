"""Computes features of past rows again, from a lake in which every record of later is missing. What
differs has looked ahead. The leakage check and `segmentry check leakage` call it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ml.data import past
from ml.data.past import Lake, Made
from ml.data.statements import Statements
from segmentry.settings import Settings

# Sums of doubles differ in their last digits with the order of their rows.
TOLERANCE = 1e-9
ROWS = "(rows)"  # instead of a column: the row itself should not be there, or is missing
_FRACTIONS = ("DOUBLE", "FLOAT")
_SHOWN = ("DOUBLE", "FLOAT", "DECIMAL", "BOOLEAN", "TIMESTAMP", "DATE")


@dataclass(frozen=True)
class Difference:
    """A column that looked ahead: in how many of the compared rows, and what one of them has."""

    table: str
    column: str
    rows: int
    compared: int
    example: str

    def __str__(self) -> str:
        share = f"{self.rows:,} of {self.compared:,} row(s)"
        return f"features.{self.table}.{self.column} differs in {share}, such as {self.example}"


@dataclass(frozen=True)
class Findings:
    """What a recomputation found. columns: how many were compared. unproven: tables that could not
    be computed again, or not wholly, with the reason.
    """

    differences: tuple[Difference, ...] = ()
    unproven: dict[str, str] = field(default_factory=dict)
    columns: int = 0
    rows: int = 0


def compare(
    settings: Settings,
    statements: Statements,
    tables: Iterable[str],
    times: Sequence[datetime],
    *,
    snapshot: int,
    is_stored: bool = True,
) -> Findings:
    """Compare rows of these tables at past times with those computed from what was known then.

    is_stored: the rows that the lake has; else, and in a lake of more records than
    ``past.MOST_RECORDS``, those that the same statements give from all that is known today.
    """
    found = _Found()
    names = sorted(set(tables))
    wanted = [f"features.{name}" for name in names]
    with past.gathered(settings, statements, wanted, snapshot) as (connection, is_sample):
        theirs = past.STORED if is_stored and not is_sample else past.PRESENT
        if theirs == past.PRESENT:
            past.fill(connection, statements, wanted, None, name=theirs)
        for at in times:
            made = past.fill(connection, statements, wanted, at)
            for table in names:
                if reason := why_unproven(statements, made, table):
                    found.unproven[table] = reason
                if f"features.{table}" in made.made:
                    found.add(*_differences(connection, theirs, table, at))
    return found.all()


class _Found:
    """Differences of several times, each column once."""

    def __init__(self) -> None:
        self.differences: dict[tuple[str, str], Difference] = {}
        self.unproven: dict[str, str] = {}
        self._columns: set[tuple[str, str]] = set()
        self._rows = 0

    def add(self, found: list[Difference], table: str, columns: list[str], rows: int) -> None:
        """Add what one table has at one time."""
        self._columns |= {(table, name) for name in columns}
        self._rows += rows
        for one in found:
            key = (one.table, one.column)
            before = self.differences.get(key)
            if before is not None:
                counts = before.rows + one.rows, before.compared + one.compared
                one = Difference(one.table, one.column, *counts, before.example)
            self.differences[key] = one

    def all(self) -> Findings:
        """Everything that was found."""
        differences = tuple(self.differences[key] for key in sorted(self.differences))
        return Findings(differences, self.unproven, len(self._columns), self._rows)


def why_unproven(statements: Statements, made: Made, table: str) -> str | None:
    """Why the comparison of a table proves nothing, or not everything."""
    relation = f"features.{table}"
    if relation not in statements.sql:
        return "no model of the dbt project makes it"
    if relation in made.failed:
        return f"it cannot be computed again: {made.failed[relation]}"
    uncut = sorted(set(statements.behind([relation])[1]) & made.uncut)
    return f"nothing states since when {', '.join(uncut)} is known" if uncut else None


def _differences(
    connection: Lake, theirs: str, table: str, at: datetime
) -> tuple[list[Difference], str, list[str], int]:
    """Differing columns of a table at one time; the table, the compared columns and rows."""
    kinds = _columns(connection, f"lake.features.{table}")
    known = _columns(connection, f"{theirs}.features.{table}")
    names = [n for n in kinds if n in known and n not in {"profile_id", "as_of"}]
    both = f"""
        (from {theirs}.features.{table} where as_of = $at) as theirs
        full join (from lake.features.{table} where as_of = $at) as ours
        using (profile_id, as_of)
    """
    is_pair = "theirs.as_of is not null and ours.as_of is not null"
    counts = [f"count(*) filter (where not ({is_pair}))", "count(*)"]
    counts += [f"count(*) filter (where {is_pair} and {_differs(n, kinds[n])})" for n in names]
    row = connection.execute(f"select {', '.join(counts)} from {both}", {"at": at}).fetchone() or ()
    lone, compared, *differing = (int(value) for value in row)
    found = [
        Difference(table, name, rows, compared, _example(connection, both, name, kinds[name], at))
        for name, rows in zip(names, differing, strict=True)
        if rows
    ]
    if lone:
        found.append(Difference(table, ROWS, lone, compared, "a row that one of the two lacks"))
    return found, table, names, compared


def _columns(connection: Lake, relation: str) -> dict[str, str]:
    described = connection.execute(f"describe {relation}").fetchall()
    return {str(name): str(kind) for name, kind, *_ in described}


def _differs(name: str, kind: str) -> str:
    ours = f'ours."{name}"'
    theirs = f'theirs."{name}"'
    differs = f"{ours} is distinct from {theirs}"
    if kind not in _FRACTIONS:
        return differs
    size = f"greatest(1, abs({ours}), abs({theirs}))"
    return f"({differs} and not coalesce(abs({ours} - {theirs}) <= {TOLERANCE} * {size}, false))"


def _example(connection: Lake, both: str, name: str, kind: str, at: datetime) -> str:
    """The two values of one row; text is not shown, because it may be of a person."""
    if not (kind.startswith(_SHOWN) or kind.endswith("INT") or kind == "INTEGER"):
        return "two texts"
    row = connection.execute(
        f'select theirs."{name}", ours."{name}" from {both}'
        f" where theirs.as_of is not null and ours.as_of is not null and {_differs(name, kind)}"
        " order by profile_id limit 1",
        {"at": at},
    ).fetchone() or (None, None)
    return f"{row[0]} where {row[1]} was known at {at:%Y-%m-%d %H:%M}"
