"""One statement assigns one value: literals that have nothing to do with each other are not
assigned in one line.
"""

from __future__ import annotations

import ast

import pytest

from tests.house.test_budgets import relative, tracked


def is_literal(node: ast.expr) -> bool:
    """A constant, a negative one, or an empty list, dictionary or tuple."""
    if isinstance(node, ast.UnaryOp):
        return is_literal(node.operand)
    if isinstance(node, ast.Dict):
        return not node.keys
    return isinstance(node, ast.Constant) or (
        isinstance(node, ast.List | ast.Tuple) and not node.elts
    )


def parallel(source: str) -> list[int]:
    """Lines that assign several literals at once. A swap has names on both sides, so it is none."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Tuple)
        and any(isinstance(target, ast.Tuple) for target in node.targets)
        and all(is_literal(value) for value in node.value.elts)
    ]


def test_literals_are_assigned_one_by_one() -> None:
    found = []
    for path in tracked("*.py"):
        lines = parallel(path.read_text(encoding="utf-8"))
        found += [f"{relative(path)}:{line}: write one assignment per line" for line in lines]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "line", ["A, B = 1, -2", "found, seen = [], {}", "name, is_open = 'a', None"]
)
def test_a_planted_line_is_found(line: str) -> None:
    assert parallel(line) == [1]


@pytest.mark.parametrize(
    "line", ["a, b = b, a", "a, b = f()", "a = 1, 2", "a, b = x.y, x.z", "for a, b in pairs: ..."]
)
def test_other_lines_are_not(line: str) -> None:
    assert not parallel(line)
