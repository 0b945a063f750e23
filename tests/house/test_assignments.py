"""One statement assigns one value: values that have nothing to do with each other are not assigned
in one line.
"""

from __future__ import annotations

import ast

import pytest

from tests.house.test_budgets import relative, tracked


def names(nodes: list[ast.expr]) -> set[str]:
    """The names that expressions read or set."""
    return {x.id for node in nodes for x in ast.walk(node) if isinstance(x, ast.Name)}


def is_parallel(node: ast.Assign) -> bool:
    """Whether several values go to several names, and none of them needs another."""
    target = node.targets[0]
    if not (isinstance(node.value, ast.Tuple) and isinstance(target, ast.Tuple)):
        return False
    if any(isinstance(x, ast.Starred) for x in [*node.value.elts, *target.elts]):
        return False
    return not names(target.elts) & names(node.value.elts)


def parallel(source: str) -> list[int]:
    """Lines that assign several values at once. A swap has names on both sides, so it is none."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Assign) and is_parallel(node)
    ]


def test_values_are_assigned_one_by_one() -> None:
    found = []
    for path in tracked("*.py"):
        lines = parallel(path.read_text(encoding="utf-8"))
        found += [f"{relative(path)}:{line}: write one assignment per line" for line in lines]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "line",
    ["A, B = 1, -2", "found, seen = [], {}", "name, is_open = 'a', None", "a, b = x.y, f(z)"],
)
def test_a_planted_line_is_found(line: str) -> None:
    assert parallel(line) == [1]


@pytest.mark.parametrize(
    "line", ["a, b = b, a", "a, b = f()", "a = 1, 2", "a, b = b, a + b", "for a, b in pairs: ..."]
)
def test_other_lines_are_not(line: str) -> None:
    assert not parallel(line)
