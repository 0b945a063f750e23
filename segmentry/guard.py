"""Admits what a segment may say and names the remedy for everything else. See ``segmentry.predicates``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import NoReturn

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from segmentry.predicates import (
    Between,
    Column,
    Comparison,
    In,
    Is,
    Junction,
    Literal,
    Not,
    Operand,
    Predicate,
    PredicateError,
    Truth,
    family_of,
)

ALLOWED = "and or not ( ) = <> < <= > >= between in is null, columns of profiles and literals"
SHAPE = "select profile_id from {{ ref('profiles') }} where <predicate>"
FEATURE = "add it as a feature in dbt_project/models/features/, then name its column here"
_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_PROFILES = re.compile(r"\{\{\s*ref\(\s*['\"]profiles['\"]\s*\)\s*\}\}")
_OPERATORS: Mapping[type[exp.Expr], str] = {
    exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=",
}  # fmt: skip
_CLOCKS = (exp.CurrentTimestamp, exp.CurrentDate, exp.CurrentTime)
_CLOCK_NAMES = {"now", "today", "get_current_timestamp", "current_localtimestamp", "transaction_timestamp"}


class Guard:
    """Parses predicates against one vocabulary: column names and their data types."""

    def __init__(self, vocabulary: Mapping[str, str]) -> None:
        self.families = {name: family_of(data_type) for name, data_type in vocabulary.items()}

    def model(self, sql: str) -> Predicate:
        """The predicate of a segment's file."""
        text = _PROFILES.sub("profiles", _COMMENT.sub("", sql))
        if found := _JINJA.search(text):
            _refuse(f"{found.group()!r} in a segment", f"use only {{{{ ref('profiles') }}}}; {FEATURE}", allowed=SHAPE)
        tree = _parsed(text)
        where = tree.args.get("where")
        source = tree.args.get("from_") or tree.args.get("from")
        if not isinstance(tree, exp.Select) or where is None or source is None:
            _refuse("this file is not one select with a where", "write it in this shape", allowed=SHAPE)
        self._hold_shape(tree, source)
        return self._predicate(where.this)

    def predicate(self, text: str) -> Predicate:
        """The tree of a predicate without the select around it."""
        if _JINJA.search(text):
            _refuse("Jinja in a predicate", FEATURE)
        return self._predicate(_parsed(text))

    def _hold_shape(self, tree: exp.Select, source: exp.Expr) -> None:
        used = {name for name, value in tree.args.items() if value}
        if surplus := sorted(used - {"kind", "expressions", "from_", "from", "where"}):
            _refuse(
                f"'{surplus[0].rstrip('_')}' in a segment",
                f"a segment reads one row at a time: {FEATURE}",
                allowed=SHAPE,
            )
        columns = tree.expressions
        is_key = len(columns) == 1 and isinstance(columns[0], exp.Column) and columns[0].sql() == "profile_id"
        table = source.this
        is_profiles = isinstance(table, exp.Table) and table.sql() == "profiles"
        if not is_key or not is_profiles:
            _refuse(
                "a select of something other than profile_id from profiles", "write it in this shape", allowed=SHAPE
            )

    def _predicate(self, node: exp.Expr) -> Predicate:
        node = node.unnest()
        if isinstance(node, exp.And | exp.Or):
            word = "and" if isinstance(node, exp.And) else "or"
            return Junction(word, tuple(self._predicate(part) for part in node.flatten()))
        if isinstance(node, exp.Not):
            return Not(self._predicate(node.this))
        if type(node) in _OPERATORS:
            return self._comparison(node)
        if isinstance(node, exp.Between):
            return self._between(node)
        if isinstance(node, exp.In):
            return self._in(node)
        if isinstance(node, exp.Is):
            return self._is(node)
        return self._truth(node)

    def _comparison(self, node: exp.Expr) -> Predicate:
        left, right = self._operand(node.args["this"]), self._operand(node.args["expression"])
        left, right = self._alike(left, right, node)
        return Comparison(_OPERATORS[type(node)], left, right)

    def _between(self, node: exp.Between) -> Predicate:
        operand = self._operand(node.this)
        _, low = self._alike(operand, self._operand(node.args["low"]), node)
        _, high = self._alike(operand, self._operand(node.args["high"]), node)
        return Between(operand, low, high)

    def _in(self, node: exp.In) -> Predicate:
        if node.args.get("query") or node.args.get("unnest") or not node.expressions:
            _refuse("a sub-query in a segment", f"a segment reads one row at a time: {FEATURE}")
        operand = self._operand(node.this)
        values = []
        for item in node.expressions:
            _, value = self._alike(operand, self._operand(item), node)
            if not isinstance(value, Literal):
                _refuse(f"'{node.sql()}' has a column in its list", "compare the columns one by one with =")
            values.append(value)
        return In(operand, tuple(values))

    def _is(self, node: exp.Is) -> Predicate:
        operand = self._operand(node.this)
        if isinstance(node.expression, exp.Null):
            return Is(operand, None)
        if isinstance(node.expression, exp.Boolean) and operand.family == "boolean":
            return Is(operand, bool(node.expression.this))
        return _refuse(f"'{node.sql()}'", "write is null, or is true on a boolean column")

    def _truth(self, node: exp.Expr) -> Predicate:
        operand = self._operand(node)
        if operand.family != "boolean":
            _refuse(
                f"'{node.sql()}' stands alone and is a {operand.family}, not a boolean",
                "compare it with a value, for example with > 0",
            )
        return Truth(operand)

    def _operand(self, node: exp.Expr) -> Operand:
        node = node.unnest()
        if isinstance(node, exp.Column):
            return self._column(node)
        literal = _literal(node)
        return literal if literal is not None else _refuse_node(node)

    def _column(self, node: exp.Column) -> Column:
        name = node.name.lower()
        if node.table and node.table.lower() != "profiles":
            _refuse(f"'{node.sql()}' reads another relation", FEATURE)
        if name not in self.families:
            near = difflib.get_close_matches(name, self.families, n=3, cutoff=0.6)
            hint = f"did you mean {' or '.join(near)}? Otherwise {FEATURE}" if near else FEATURE
            _refuse(
                f"there is no column '{name}' in profiles",
                hint,
                allowed="columns of dbt_project/models/profiles/profiles.yml",
            )
        return Column(name, self.families[name])

    def _alike(self, left: Operand, right: Operand, node: exp.Expr) -> tuple[Operand, Operand]:
        left, right = _as_time(left, right), _as_time(right, left)
        if left.family != right.family or left.family == "other":
            _refuse(
                f"'{node.sql(dialect='duckdb')}' compares a {left.family} with a {right.family}",
                "write the value in the column's own type: 5, 'text', true, date '2026-05-01', timestamp '2026-05-01'",
            )
        return left, right


def _parsed(text: str) -> exp.Expr:
    try:
        trees = [tree for tree in sqlglot.parse(text, dialect="duckdb") if tree is not None]
    except SqlglotError as error:
        # Some of the parser's messages name its own classes, which tell a writer nothing.
        fault = re.sub(r"Required keyword.*?>\.", "something is missing.", str(error).splitlines()[0])
        _refuse(f"text that is not SQL: {fault[:200]}", "correct the predicate")
    if len(trees) != 1:
        _refuse(f"{len(trees)} statements", "write one", allowed=SHAPE)
    return trees[0]


def _literal(node: exp.Expr) -> Literal | None:
    if isinstance(node, exp.Boolean):
        return Literal(bool(node.this), "boolean", "true" if node.this else "false")
    if isinstance(node, exp.Literal):
        if node.is_string:
            return Literal(node.this, "text", node.sql(dialect="duckdb"))
        return Literal(_number(node.this), "number", node.this)
    if isinstance(node, exp.Neg):
        inner = _literal(node.this)
        if inner is not None and isinstance(inner.value, int | float) and inner.family == "number":
            return Literal(-inner.value, "number", f"-{inner.text}")
    if isinstance(node, exp.Cast) and isinstance(node.this, exp.Literal) and node.this.is_string:
        return _moment(node)
    return None


def _number(text: str) -> int | float:
    return int(text) if text.isdigit() else float(text)


def _moment(node: exp.Cast) -> Literal | None:
    kind = node.to.sql(dialect="duckdb").lower()
    try:
        if kind == "date":
            day = date.fromisoformat(node.this.this)
            return Literal(day, "date", f"date '{day.isoformat()}'")
        if kind == "timestamp":
            moment = datetime.fromisoformat(node.this.this)
            if moment.tzinfo is None:
                return Literal(moment, "time", f"timestamp '{moment.isoformat(sep=' ')}'")
    except ValueError:
        _refuse(f"'{node.this.this}' is not a {kind}", "write it as 2026-05-01 or 2026-05-01 10:00:00")
    return None


def _as_time(operand: Operand, other: Operand) -> Operand:
    """A day compared with a time is that day's midnight, in SQL and here."""
    if other.family == "time" and isinstance(operand, Literal) and isinstance(operand.value, date):
        moment = datetime(operand.value.year, operand.value.month, operand.value.day)
        return (
            operand if operand.family == "time" else Literal(moment, "time", f"timestamp '{moment.isoformat(sep=' ')}'")
        )
    return operand


def _refuse_node(node: exp.Expr) -> NoReturn:
    shown = node.sql(dialect="duckdb")[:80]
    name = node.name.lower() if isinstance(node, exp.Anonymous) else ""
    if isinstance(node, _CLOCKS) or name in _CLOCK_NAMES:
        _refuse(
            f"`{shown}` is not allowed in a segment: it would change without any new fact",
            "use a feature such as days_since_last_order, or add one in dbt_project/models/features/",
        )
    if isinstance(node, exp.Null):
        _refuse("a comparison with null, which is never true", "write `is null` or `is not null`")
    if isinstance(node, exp.Subquery | exp.Select | exp.Exists):
        _refuse("a sub-query in a segment", f"a segment reads one row at a time: {FEATURE}")
    if isinstance(node, exp.Window | exp.AggFunc):
        _refuse(f"`{shown}`, which looks at many rows", f"a segment reads one row at a time: {FEATURE}")
    _refuse(f"`{shown}` is not allowed in a segment", FEATURE)


def _refuse(received: str, remedy: str, *, allowed: str = ALLOWED) -> NoReturn:
    raise PredicateError(received, allowed=allowed, remedy=remedy)
