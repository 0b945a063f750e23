"""Admits what a segment may contain and names the remedy for everything else. See
``segments.predicates``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping

import sqlglot
from sqlglot import Token, TokenType, exp
from sqlglot.errors import SqlglotError

from segments.literals import as_time, literal
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
    ProfileColumn,
    Truth,
    family_of,
)
from segments.refused import FEATURE, check_parts, refuse, refuse_node

SHAPE = "select profile_id from {{ ref('profiles') }} where <predicate>"
PLAIN = "write it between single quotes: 'text'"
# Python's stack is a thousand calls deep, and DuckDB's expressions are too: this leaves both a wide
# margin.
DEEPEST = 100
# About ten thousand values in a list; more is a fact of its own and belongs in a feature.
MOST_TOKENS = 20_000
_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_OPENING = re.compile(r"\{\{|\{%|\{#")
# Jinja takes a comment out of the text before anything else sees it, out of literals too.
_COMMENT = re.compile(r"\{#(?![-+]).*?(?<![-+])#\}", re.DOTALL)
_LEFT_OUT = "/*segmentry: a comment of Jinja*/"
_PROFILES = re.compile(r"\{\{\s*ref\(\s*(?:'profiles'|\"profiles\")\s*\)\s*\}\}")
_SOURCE = "segmentry__profiles"
# What a token shows and the tree no longer does.
_REFUSED_TOKENS: Mapping[TokenType, tuple[str, str]] = {
    TokenType.BYTE_STRING: ("a text with a letter before its quotes", PLAIN),
    TokenType.NATIONAL_STRING: ("a text with a letter before its quotes", PLAIN),
    TokenType.HEREDOC_STRING: ("a text between dollar signs", PLAIN),
    TokenType.L_BRACKET: ("a list in [ ]", "write it in ( )"),
}
_OPERATORS: Mapping[type[exp.Expr], str] = {
    exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=",
}  # fmt: skip


class Guard:
    """Parses predicates against one vocabulary: column names and their data types."""

    def __init__(self, vocabulary: Mapping[str, str]) -> None:
        self.families = {name: family_of(data_type) for name, data_type in vocabulary.items()}

    def model(self, sql: str) -> Predicate:
        """The predicate of a segment's file."""
        text, count = _PROFILES.subn(_SOURCE, _COMMENT.sub(_LEFT_OUT, sql))
        if found := _JINJA.search(text) or _OPENING.search(text):
            refuse(
                f"{found.group()[:80]!r} in a segment",
                f"use only {{{{ ref('profiles') }}}}; {FEATURE}",
                allowed=SHAPE,
            )
        return _without_overflow(lambda: self._model(text, count))

    def predicate(self, text: str) -> Predicate:
        """The tree of a predicate without the select around it."""
        if found := _OPENING.search(text):
            refuse(f"'{found.group()}' in a predicate, which dbt reads as a template", FEATURE)
        return _without_overflow(lambda: self._predicate(_parsed(text), 0))

    def _model(self, text: str, count: int) -> Predicate:
        tree = _parsed(text)
        where = tree.args.get("where")
        source = tree.args.get("from_") or tree.args.get("from")
        if not isinstance(tree, exp.Select) or where is None or source is None:
            refuse(
                "this file is not one select with a where", "write it in this shape", allowed=SHAPE
            )
        self._check_shape(tree, source, count)
        return self._predicate(where.this, 0)

    def _check_shape(self, tree: exp.Select, source: exp.Expr, count: int) -> None:
        used = {name for name, value in tree.args.items() if value}
        if surplus := sorted(used - {"kind", "expressions", "from_", "from", "where"}):
            refuse(
                f"'{surplus[0].rstrip('_')}' in a segment",
                f"a segment reads one row at a time: {FEATURE}",
                allowed=SHAPE,
            )
        columns = tree.expressions
        is_key = (
            len(columns) == 1
            and isinstance(columns[0], exp.Column)
            and columns[0].sql() == "profile_id"
        )
        table = source.this
        is_profiles = count == 1 and isinstance(table, exp.Table) and table.sql() == _SOURCE
        if not is_key or not is_profiles:
            refuse(
                "a select of something other than profile_id from profiles",
                "write it in this shape",
                allowed=SHAPE,
            )

    def _predicate(self, node: exp.Expr, depth: int) -> Predicate:
        if depth > DEEPEST:
            raise RecursionError
        node = node.unnest()
        if isinstance(node, exp.And | exp.Or):
            word = "and" if isinstance(node, exp.And) else "or"
            return Junction(
                word, tuple(self._predicate(part, depth + 1) for part in node.flatten())
            )
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
        check_parts(node)
        left = self._operand(node.args["this"])
        right = self._operand(node.args["expression"])
        left, right = self._alike(left, right, node)
        return Comparison(_OPERATORS[type(node)], left, right)

    def _between(self, node: exp.Between) -> Predicate:
        if node.args.get("symmetric") is not None:
            refuse(
                "'between symmetric' or 'between asymmetric'",
                "write between, with the lower value first",
            )
        check_parts(node)
        ends = [self._operand(node.args["low"]), self._operand(node.args["high"])]
        operand, (low, high) = self._all_alike(self._operand(node.this), ends, node)
        return Between(operand, low, high)

    def _in(self, node: exp.In) -> Predicate:
        check_parts(node)
        if node.args.get("query") or node.args.get("unnest"):
            refuse("a sub-query in a segment", f"a segment reads one row at a time: {FEATURE}")
        if not node.expressions:
            refuse("a list without values", "write the values between ( and )")
        items = [self._operand(item) for item in node.expressions]
        operand, alike = self._all_alike(self._operand(node.this), items, node)
        values = tuple(value for value in alike if isinstance(value, Literal))
        if len(values) < len(alike):
            refuse(
                f"'{node.sql()}' has a column in its list", "compare the columns one by one with ="
            )
        return In(operand, values)

    def _is(self, node: exp.Is) -> Predicate:
        check_parts(node)
        operand = self._operand(node.this)
        if isinstance(node.expression, exp.Null):
            return Is(operand, None)
        if isinstance(node.expression, exp.Boolean) and operand.family == "boolean":
            return Is(operand, bool(node.expression.this))
        return refuse(f"'{node.sql()}'", "write is null, or is true on a boolean column")

    def _truth(self, node: exp.Expr) -> Predicate:
        operand = self._operand(node)
        if operand.family != "boolean":
            refuse(
                f"'{node.sql()}' is by itself and is a {operand.family}, not a boolean",
                "compare it with a value, for example with > 0",
            )
        return Truth(operand)

    def _operand(self, node: exp.Expr) -> Operand:
        node = node.unnest()
        if type(node) is exp.Column:
            return self._column(node)
        value = literal(node)
        return value if value is not None else refuse_node(node)

    def _column(self, node: exp.Column) -> ProfileColumn:
        check_parts(node)
        if node.table and node.table.lower() not in {"profiles", _SOURCE}:
            refuse(f"'{node.sql()}' reads another relation", FEATURE)
        # DuckDB folds the case of ASCII letters alone: the Kelvin sign is no k.
        name = node.name.lower() if node.name.isascii() else node.name
        if name not in self.families:
            near = difflib.get_close_matches(name, self.families, n=3, cutoff=0.6)
            hint = f"did you mean {' or '.join(near)}? Otherwise {FEATURE}" if near else FEATURE
            refuse(
                f"there is no column '{name}' in profiles",
                hint,
                allowed="columns of dbt_project/models/profiles/profiles.yml",
            )
        return ProfileColumn(name, self.families[name])

    def _all_alike(
        self, operand: Operand, others: list[Operand], node: exp.Expr
    ) -> tuple[Operand, list[Operand]]:
        """The operand in a type that it can be compared with all others in, and they in the
        same.
        """
        for other in others:
            operand, _ = self._alike(operand, other, node)
        return operand, [self._alike(operand, other, node)[1] for other in others]

    def _alike(self, left: Operand, right: Operand, node: exp.Expr) -> tuple[Operand, Operand]:
        left, right = as_time(left, right), as_time(right, left)
        if left.family != right.family or left.family == "other":
            refuse(
                f"'{node.sql(dialect='duckdb')}' compares a {left.family} with a {right.family}",
                "write the value in the column's own type: 5, 'text', true, date '2026-05-01',"
                " timestamp '2026-05-01'",
            )
        return left, right


def _without_overflow(read: Callable[[], Predicate]) -> Predicate:
    try:
        return read()
    except RecursionError:
        return refuse(
            f"a predicate nested deeper than {DEEPEST}", "split it, or make its parts features"
        )


def _parsed(text: str) -> exp.Expr:
    if "\0" in text or text.startswith("\ufeff"):
        refuse(
            "a character that cannot be seen (NUL, or a byte order mark)",
            "save the file as UTF-8 without it",
        )
    try:
        _check_tokens(sqlglot.tokenize(text, read="duckdb"))
        trees = [tree for tree in sqlglot.parse(text, dialect="duckdb") if tree is not None]
    except SqlglotError as error:
        # Some of the parser's messages name its own classes, which mean nothing to a writer.
        fault = re.sub(
            r"Required keyword.*?>\.", "something is missing.", str(error).splitlines()[0]
        )
        refuse(f"text that is not SQL: {fault[:200]}", "correct the predicate")
    if len(trees) != 1:
        refuse(f"{len(trees)} statements", "write one", allowed=SHAPE)
    return trees[0]


def _check_tokens(tokens: list[Token]) -> None:
    if len(tokens) > MOST_TOKENS:
        refuse(
            f"a predicate of {len(tokens):,} words, values and marks",
            f"make it a feature, such as a boolean column; at most {MOST_TOKENS:,} are read",
        )
    depth = 0
    for place, token in enumerate(tokens):
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
        if depth > DEEPEST:
            raise RecursionError
        if token.token_type in _REFUSED_TOKENS:
            refuse(*_REFUSED_TOKENS[token.token_type])
        if token.token_type is TokenType.STRING and _LEFT_OUT in token.text:
            refuse("'{#' in a text, which dbt reads as a comment", FEATURE)
        if token.token_type is TokenType.SEMICOLON and place == len(tokens) - 1:
            refuse("';' at the end", "remove it: dbt puts the select into a statement of its own")


def parse(text: str, vocabulary: Mapping[str, str]) -> Predicate:
    """The tree of a predicate, or PredicateError with what was written, what is allowed and what to
    do.

    vocabulary: the columns of profiles.profiles and their data types.
    """
    return Guard(vocabulary).predicate(text)


def parse_model(sql: str, vocabulary: Mapping[str, str]) -> Predicate:
    """The predicate of a segment's file: ``select profile_id from {{ ref('profiles') }} where
    <predicate>``.
    """
    return Guard(vocabulary).model(sql)
