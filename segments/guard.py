"""Admits what a segment may say and names the remedy for everything else. See ``segments.predicates``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import NoReturn

import sqlglot
from sqlglot import Token, TokenType, exp
from sqlglot.errors import SqlglotError

from segments.predicates import (
    Between,
    Comparison,
    In,
    Is,
    Junction,
    Literal,
    Not,
    Operand,
    Predicate,
    PredicateError,
    ProfileColumn,
    Truth,
    family_of,
)

ALLOWED = "and or not ( ) = <> < <= > >= between in is null, columns of profiles and literals"
SHAPE = "select profile_id from {{ ref('profiles') }} where <predicate>"
FEATURE = "add it as a feature in dbt_project/models/features/, then name its column here"
PLAIN = "write it between single quotes: 'text'"
# Python's stack is a thousand calls deep, and DuckDB's expressions are too: this leaves both a wide margin.
DEEPEST = 100
# About ten thousand values in a list; more is a fact of its own and belongs in a feature.
MOST_TOKENS = 20_000
# With more digits a double of DuckDB, a decimal of DuckDB and a float of Python are no longer the same number.
MOST_DIGITS = 15
_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_OPENING = re.compile(r"\{\{|\{%|\{#")
# Jinja takes a comment out of the text before anything else sees it, out of literals too.
_COMMENT = re.compile(r"\{#(?![-+]).*?(?<![-+])#\}", re.DOTALL)
_LEFT_OUT = "/*segmentry: a comment of Jinja*/"
_PROFILES = re.compile(r"\{\{\s*ref\(\s*(?:'profiles'|\"profiles\")\s*\)\s*\}\}")
_SOURCE = "segmentry__profiles"
_PLAIN_NUMBER = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]+)?")
_NUMBER = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,4})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T]([01][0-9]|2[0-3]):[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?")
# What a token says that the tree no longer does.
_REFUSED_TOKENS: Mapping[TokenType, tuple[str, str]] = {
    TokenType.BYTE_STRING: ("a text with a letter before its quotes", PLAIN),
    TokenType.NATIONAL_STRING: ("a text with a letter before its quotes", PLAIN),
    TokenType.HEREDOC_STRING: ("a text between dollar signs", PLAIN),
    TokenType.L_BRACKET: ("a list in [ ]", "write it in ( )"),
}
# The parts of each kind of node that are understood; one with another part is refused, not read without it.
_PARTS: Mapping[type[exp.Expr], frozenset[str]] = {
    exp.Between: frozenset({"this", "low", "high"}),
    exp.In: frozenset({"this", "expressions", "query", "unnest"}),
    exp.Cast: frozenset({"this", "to"}),
    exp.Column: frozenset({"this", "table"}),
    exp.Literal: frozenset({"this", "is_string"}),
    exp.Boolean: frozenset({"this"}),
}
_TWO_PARTS = frozenset({"this", "expression"})
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
        text, count = _PROFILES.subn(_SOURCE, _COMMENT.sub(_LEFT_OUT, sql))
        if found := _JINJA.search(text) or _OPENING.search(text):
            _refuse(
                f"{found.group()[:80]!r} in a segment",
                f"use only {{{{ ref('profiles') }}}}; {FEATURE}",
                allowed=SHAPE,
            )
        return _without_overflow(lambda: self._model(text, count))

    def predicate(self, text: str) -> Predicate:
        """The tree of a predicate without the select around it."""
        if found := _OPENING.search(text):
            _refuse(f"'{found.group()}' in a predicate, which dbt reads as a template", FEATURE)
        return _without_overflow(lambda: self._predicate(_parsed(text), 0))

    def _model(self, text: str, count: int) -> Predicate:
        tree = _parsed(text)
        where = tree.args.get("where")
        source = tree.args.get("from_") or tree.args.get("from")
        if not isinstance(tree, exp.Select) or where is None or source is None:
            _refuse("this file is not one select with a where", "write it in this shape", allowed=SHAPE)
        self._check_shape(tree, source, count)
        return self._predicate(where.this, 0)

    def _check_shape(self, tree: exp.Select, source: exp.Expr, count: int) -> None:
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
        is_profiles = count == 1 and isinstance(table, exp.Table) and table.sql() == _SOURCE
        if not is_key or not is_profiles:
            _refuse(
                "a select of something other than profile_id from profiles", "write it in this shape", allowed=SHAPE
            )

    def _predicate(self, node: exp.Expr, depth: int) -> Predicate:
        if depth > DEEPEST:
            raise RecursionError
        node = node.unnest()
        if isinstance(node, exp.And | exp.Or):
            word = "and" if isinstance(node, exp.And) else "or"
            return Junction(word, tuple(self._predicate(part, depth + 1) for part in node.flatten()))
        if type(node) is exp.Not:
            return Not(self._predicate(node.this, depth + 1))
        return self._condition(node)

    def _condition(self, node: exp.Expr) -> Predicate:
        if type(node) in _OPERATORS:
            return self._comparison(node)
        if type(node) is exp.Between:
            return self._between(node)
        if type(node) is exp.In:
            return self._in(node)
        if type(node) is exp.Is:
            return self._is(node)
        return self._truth(node)

    def _comparison(self, node: exp.Expr) -> Predicate:
        _check_parts(node)
        left, right = self._operand(node.args["this"]), self._operand(node.args["expression"])
        left, right = self._alike(left, right, node)
        return Comparison(_OPERATORS[type(node)], left, right)

    def _between(self, node: exp.Between) -> Predicate:
        if node.args.get("symmetric") is not None:
            _refuse("'between symmetric' or 'between asymmetric'", "write between, with the lower value first")
        _check_parts(node)
        ends = [self._operand(node.args["low"]), self._operand(node.args["high"])]
        operand, (low, high) = self._all_alike(self._operand(node.this), ends, node)
        return Between(operand, low, high)

    def _in(self, node: exp.In) -> Predicate:
        _check_parts(node)
        if node.args.get("query") or node.args.get("unnest"):
            _refuse("a sub-query in a segment", f"a segment reads one row at a time: {FEATURE}")
        if not node.expressions:
            _refuse("a list without values", "write the values between ( and )")
        items = [self._operand(item) for item in node.expressions]
        operand, alike = self._all_alike(self._operand(node.this), items, node)
        values = tuple(value for value in alike if isinstance(value, Literal))
        if len(values) < len(alike):
            _refuse(f"'{node.sql()}' has a column in its list", "compare the columns one by one with =")
        return In(operand, values)

    def _is(self, node: exp.Is) -> Predicate:
        _check_parts(node)
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
        if type(node) is exp.Column:
            return self._column(node)
        literal = _literal(node)
        return literal if literal is not None else _refuse_node(node)

    def _column(self, node: exp.Column) -> ProfileColumn:
        _check_parts(node)
        if node.table and node.table.lower() not in {"profiles", _SOURCE}:
            _refuse(f"'{node.sql()}' reads another relation", FEATURE)
        # DuckDB folds the case of ASCII letters alone: the Kelvin sign is no k.
        name = node.name.lower() if node.name.isascii() else node.name
        if name not in self.families:
            near = difflib.get_close_matches(name, self.families, n=3, cutoff=0.6)
            hint = f"did you mean {' or '.join(near)}? Otherwise {FEATURE}" if near else FEATURE
            _refuse(
                f"there is no column '{name}' in profiles",
                hint,
                allowed="columns of dbt_project/models/profiles/profiles.yml",
            )
        return ProfileColumn(name, self.families[name])

    def _all_alike(self, operand: Operand, others: list[Operand], node: exp.Expr) -> tuple[Operand, list[Operand]]:
        """The operand in a type that it can be compared with all others in, and they in the same."""
        for other in others:
            operand, _ = self._alike(operand, other, node)
        return operand, [self._alike(operand, other, node)[1] for other in others]

    def _alike(self, left: Operand, right: Operand, node: exp.Expr) -> tuple[Operand, Operand]:
        left, right = _as_time(left, right), _as_time(right, left)
        if left.family != right.family or left.family == "other":
            _refuse(
                f"'{node.sql(dialect='duckdb')}' compares a {left.family} with a {right.family}",
                "write the value in the column's own type: 5, 'text', true, date '2026-05-01', timestamp '2026-05-01'",
            )
        return left, right


def _without_overflow(read: Callable[[], Predicate]) -> Predicate:
    try:
        return read()
    except RecursionError:
        return _refuse(f"a predicate nested deeper than {DEEPEST}", "split it, or make its parts features")


def _check_parts(node: exp.Expr) -> None:
    """Refuse a node with a part that would be lost."""
    known = _PARTS.get(type(node), _TWO_PARTS)
    surplus = sorted(name for name, value in node.args.items() if value and name not in known)
    if surplus:
        _refuse(f"`{node.sql(dialect='duckdb')[:80]}`, with '{surplus[0]}', in a segment", FEATURE)


def _parsed(text: str) -> exp.Expr:
    if "\0" in text or text.startswith("\ufeff"):
        _refuse("a character that cannot be seen (NUL, or a byte order mark)", "save the file as UTF-8 without it")
    try:
        _check_tokens(sqlglot.tokenize(text, read="duckdb"))
        trees = [tree for tree in sqlglot.parse(text, dialect="duckdb") if tree is not None]
    except SqlglotError as error:
        # Some of the parser's messages name its own classes, which tell a writer nothing.
        fault = re.sub(r"Required keyword.*?>\.", "something is missing.", str(error).splitlines()[0])
        _refuse(f"text that is not SQL: {fault[:200]}", "correct the predicate")
    if len(trees) != 1:
        _refuse(f"{len(trees)} statements", "write one", allowed=SHAPE)
    return trees[0]


def _check_tokens(tokens: list[Token]) -> None:
    if len(tokens) > MOST_TOKENS:
        _refuse(
            f"a predicate of {len(tokens):,} words, values and marks",
            f"make it a feature, such as a boolean column; at most {MOST_TOKENS:,} are read",
        )
    depth = 0
    for place, token in enumerate(tokens):
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
        if depth > DEEPEST:
            raise RecursionError
        if token.token_type in _REFUSED_TOKENS:
            _refuse(*_REFUSED_TOKENS[token.token_type])
        if token.token_type is TokenType.STRING and _LEFT_OUT in token.text:
            _refuse("'{#' in a text, which dbt reads as a comment", FEATURE)
        if token.token_type is TokenType.SEMICOLON and place == len(tokens) - 1:
            _refuse("';' at the end", "remove it: dbt puts the select into a statement of its own")


def _literal(node: exp.Expr) -> Literal | None:
    if type(node) is exp.Boolean:
        return Literal(bool(node.this), "boolean", "true" if node.this else "false")
    if type(node) is exp.Literal:
        if node.is_string:
            return Literal(node.this, "text", "'" + node.this.replace("'", "''") + "'")
        return _number(node.this)
    if type(node) is exp.Neg:
        return _negative(_literal(node.this.unnest()))
    if type(node) is exp.Cast and isinstance(node.this, exp.Literal) and node.this.is_string:
        _check_parts(node)
        return _time_literal(node)
    return None


def _number(text: str) -> Literal:
    if not _NUMBER.fullmatch(text):
        _refuse(f"'{text[:40]}'", "write the number with digits and a point: 5 or 0.25")
    plain = text if _PLAIN_NUMBER.fullmatch(text) else format(Decimal(text), "f")
    if _digits(plain) > MOST_DIGITS and "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    if _digits(plain) > MOST_DIGITS:
        _refuse(f"the number {text[:40]}", f"write a number of at most {MOST_DIGITS} digits")
    return Literal(float(plain) if "." in plain else int(plain), "number", plain)


def _digits(number: str) -> int:
    return sum(map(str.isdigit, number))


def _negative(number: Literal | None) -> Literal | None:
    if number is None or number.family != "number" or isinstance(number.value, bool):
        return None
    assert isinstance(number.value, int | float)
    text = number.text.removeprefix("-") if number.text.startswith("-") else f"-{number.text}"
    return Literal(-number.value, "number", text)


def _time_literal(node: exp.Cast) -> Literal | None:
    kind = node.to.sql(dialect="duckdb").lower()
    text = node.this.this
    try:
        if kind == "date" and _DATE.fullmatch(text):
            day = date.fromisoformat(text)
            return Literal(day, "date", f"date '{day.isoformat()}'")
        if kind == "timestamp" and (_DATE.fullmatch(text) or _TIME.fullmatch(text)):
            time = datetime.fromisoformat(text)
            return Literal(time, "time", f"timestamp '{time.isoformat(sep=' ')}'")
    except ValueError:
        pass
    if kind in {"date", "timestamp"}:
        _refuse(f"'{text[:40]}' is not a {kind}", "write it as 2026-05-01 or 2026-05-01 10:00:00")
    return None


def _as_time(operand: Operand, other: Operand) -> Operand:
    """A day compared with a time is that day's midnight, in SQL and here."""
    if other.family == "time" and isinstance(operand, Literal) and isinstance(operand.value, date):
        if operand.family == "time":
            return operand
        midnight = datetime(operand.value.year, operand.value.month, operand.value.day)
        return Literal(midnight, "time", f"timestamp '{midnight.isoformat(sep=' ')}'")
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


def parse(text: str, vocabulary: Mapping[str, str]) -> Predicate:
    """The tree of a predicate, or PredicateError with what was written, what is allowed and what to do.

    vocabulary: the columns of profiles.profiles and their data types.
    """
    return Guard(vocabulary).predicate(text)


def parse_model(sql: str, vocabulary: Mapping[str, str]) -> Predicate:
    """The predicate of a segment's file: ``select profile_id from {{ ref('profiles') }} where <predicate>``."""
    return Guard(vocabulary).model(sql)
