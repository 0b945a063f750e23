"""Evaluates predicates for one profile in Python, with the same three-valued logic as the batch's
SQL.

A verdict is True, False or None (unknown). A profile is a mapping of column to value; NULL is None.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from segments.predicates import (
    Between,
    Comparison,
    In,
    Is,
    Junction,
    Leaf,
    Not,
    Operand,
    Predicate,
    ProfileColumn,
    leaves,
    operands,
)

Profile = Mapping[str, Any]
Verdict = bool | None
Evaluator = Callable[[Profile], Verdict]
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "<>": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt,
    ">=": operator.ge,
}  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One condition of a predicate on one profile: its text, the values it read, and what came of
    it.
    """

    condition: str
    values: Mapping[str, Any]
    verdict: Verdict


def compiled(predicate: Predicate) -> Evaluator:
    """A function that evaluates the predicate."""
    if isinstance(predicate, Junction):
        parts = tuple(compiled(part) for part in predicate.parts)
        return _conjunction(parts) if predicate.word == "and" else _disjunction(parts)
    if isinstance(predicate, Not):
        return _negation(compiled(predicate.part))
    return _leaf(predicate)


def explained(predicate: Predicate, profile: Profile) -> list[Finding]:
    """Each condition of the predicate with the values it read and its verdict."""
    return [
        Finding(
            leaf.to_sql(),
            {o.name: profile.get(o.name) for o in operands(leaf) if isinstance(o, ProfileColumn)},
            compiled(leaf)(profile),
        )
        for leaf in leaves(predicate)
    ]


def _conjunction(parts: tuple[Evaluator, ...]) -> Evaluator:
    def evaluate(profile: Profile) -> Verdict:
        verdict: Verdict = True
        for part in parts:
            found = part(profile)
            if found is False:
                return False
            if found is None:
                verdict = None
        return verdict

    return evaluate


def _disjunction(parts: tuple[Evaluator, ...]) -> Evaluator:
    def evaluate(profile: Profile) -> Verdict:
        verdict: Verdict = False
        for part in parts:
            found = part(profile)
            if found:
                return True
            if found is None:
                verdict = None
        return verdict

    return evaluate


def _negation(part: Evaluator) -> Evaluator:
    def evaluate(profile: Profile) -> Verdict:
        found = part(profile)
        return None if found is None else not found

    return evaluate


def _leaf(leaf: Leaf) -> Evaluator:
    if isinstance(leaf, Comparison):
        return _comparison(leaf)
    if isinstance(leaf, Between):
        above = _comparison(Comparison(">=", leaf.operand, leaf.low))
        below = _comparison(Comparison("<=", leaf.operand, leaf.high))
        return _conjunction((above, below))
    if isinstance(leaf, In):
        return _membership(leaf)
    read = _reader(leaf.operand)
    if isinstance(leaf, Is):
        wanted = leaf.value
        return lambda profile: read(profile) is wanted
    return read


def _comparison(leaf: Comparison) -> Evaluator:
    compare = _COMPARE[leaf.operator]
    is_number = leaf.left.family == "number"
    if isinstance(leaf.left, ProfileColumn) and not isinstance(leaf.right, ProfileColumn):
        return _column_against_value(leaf.left.name, compare, leaf.right.value, is_number)
    read_left = _reader(leaf.left)
    read_right = _reader(leaf.right)

    def evaluate(profile: Profile) -> Verdict:
        left = read_left(profile)
        right = read_right(profile)
        if left is None or right is None:
            return None
        return compare(*_as_numbers(left, right)) if is_number else compare(left, right)

    return evaluate


def _column_against_value(
    name: str, compare: Callable[[Any, Any], bool], value: Any, is_number: bool
) -> Evaluator:
    def evaluate(profile: Profile) -> Verdict:
        found = profile.get(name)
        if found is None:
            return None
        # In DuckDB NaN is greater than every number; no literal is NaN or infinite.
        return compare(math.inf if is_number and found != found else found, value)

    return evaluate


def _as_numbers(left: Any, right: Any) -> tuple[Any, Any]:
    """Two numbers as DuckDB compares them: NaN is greater than all and equals itself; a whole one
    becomes a double.
    """
    if left != left or right != right:
        return left != left, right != right
    return (left, right) if type(left) is type(right) else (float(left), float(right))


def _membership(leaf: In) -> Evaluator:
    read = _reader(leaf.operand)
    values = frozenset(value.value for value in leaf.values)

    def evaluate(profile: Profile) -> Verdict:
        found = read(profile)
        return None if found is None else found in values

    return evaluate


def _reader(operand: Operand) -> Callable[[Profile], Any]:
    if isinstance(operand, ProfileColumn):
        name = operand.name
        return lambda profile: profile.get(name)
    value = operand.value
    return lambda profile: value
