"""The scores from which on segments select people: the audit by group judges selection there."""

from __future__ import annotations

from segmentry.errors import SegmentryError
from segmentry.settings import Settings
from segments import installed
from segments.predicates import Comparison, Leaf, Literal, Operand, ProfileColumn, leaves


def of_segments(settings: Settings, column: str) -> dict[str, float]:
    """By segment, the least value of the column in its predicate, such as 0.7 of
    ``churn_score >= 0.7``.

    Segments that cannot be read are left out: the stages that evaluate them report it.
    """
    try:
        segments = installed.load_all(settings)
    except SegmentryError:
        return {}
    found: dict[str, float] = {}
    for name, segment in segments.items():
        for leaf in leaves(segment.predicate) if segment.predicate is not None else []:
            if (least := _least(leaf, column)) is not None:
                found[name] = least
    return found


def _least(leaf: Leaf, column: str) -> float | None:
    if not isinstance(leaf, Comparison):
        return None
    if leaf.operator in (">", ">="):
        return _number(leaf.left, column, leaf.right)
    if leaf.operator in ("<", "<="):
        return _number(leaf.right, column, leaf.left)
    return None


def _number(operand: Operand, column: str, value: Operand) -> float | None:
    """The value, where the operand is the column and the value a number."""
    is_column = isinstance(operand, ProfileColumn) and operand.name == column
    if is_column and isinstance(value, Literal) and isinstance(value.value, int | float):
        return float(value.value)
    return None
