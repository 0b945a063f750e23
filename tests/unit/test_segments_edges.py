"""The unit test of every shipped segment has both sides of each edge: a rule that is off by one
fails it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import yaml

from segmentry import configuration
from segmentry.settings import Settings
from segments import families, installed
from segments.evaluation import compiled
from segments.installed import Segment
from segments.predicates import Between, Comparison, In, Is, Junction, Not, Predicate, Truth

SETTINGS = Settings.from_environment({})
FOUND = installed.load_all(SETTINGS)
MADE = {member.name: yaml.safe_load(member.yml) for member in families.members(SETTINGS)}
# The other side of the edge, and the operator without its bound.
TURNED = {">=": (">",), ">": (">=",), "<=": ("<",), "<": ("<=",), "=": ("<>",), "<>": ("=",)}


def rows(segment: Segment) -> list[tuple[dict[str, Any], bool]]:
    """The rows of the segment's unit test, each with whether it is expected."""
    content = MADE.get(segment.name) or configuration.read(segment.path.with_suffix(".yml"))
    test = content["unit_tests"][0]
    members = {row["profile_id"] for row in test["expect"]["rows"]}
    names = {name for row in test["given"][0]["rows"] for name in row}
    return [
        ({name: row.get(name) for name in names}, row["profile_id"] in members)
        for row in test["given"][0]["rows"]
    ]


def wrong(predicate: Predicate) -> Iterator[Predicate]:
    """The predicate with one mistake in it, once for each that people make."""
    if isinstance(predicate, Junction):
        for place, part in enumerate(predicate.parts):
            before = predicate.parts[:place]
            behind = predicate.parts[place + 1 :]
            yield replace(predicate, parts=(*before, *behind))
            yield from (
                replace(predicate, parts=(*before, other, *behind)) for other in wrong(part)
            )
    elif isinstance(predicate, Not):
        yield predicate.part
        yield from (replace(predicate, part=other) for other in wrong(predicate.part))
    elif isinstance(predicate, Comparison):
        yield from (
            replace(predicate, operator=operator) for operator in TURNED[predicate.operator]
        )
    elif isinstance(predicate, Between):
        yield from between(predicate)
    elif isinstance(predicate, In) and len(predicate.values) > 1:
        for left in predicate.values:
            yield replace(
                predicate, values=tuple(value for value in predicate.values if value != left)
            )
    elif isinstance(predicate, Is | Truth):
        yield Not(predicate)


def between(predicate: Between) -> Iterator[Predicate]:
    """A range without one of its ends, or that leaves an end out."""
    ends = (("<=", predicate.high), (">=", predicate.low))
    for (inner, kept), (outer, lost) in (ends, reversed(ends)):
        yield Comparison(inner, predicate.operand, kept)
        tight = Comparison(TURNED[outer][0], predicate.operand, lost)
        yield Junction("and", (Comparison(inner, predicate.operand, kept), tight))


@pytest.mark.parametrize("name", [name for name, segment in FOUND.items() if segment.predicate])
def test_the_unit_test_notices_a_rule_that_is_off_by_one(name: str) -> None:
    segment = FOUND[name]
    assert segment.predicate is not None
    cases = rows(segment)
    assert all((segment.matches(row) is True) is expected for row, expected in cases)
    unnoticed = [
        other.to_sql()
        for other in wrong(segment.predicate)
        if all((compiled(other)(row) is True) is expected for row, expected in cases)
    ]
    assert not unnoticed, (
        f"{name}.yml has the same result for {segment.predicate.to_sql()} and: {unnoticed}"
    )


@pytest.mark.parametrize("name", [name for name, segment in FOUND.items() if segment.predicate])
def test_a_profile_of_which_nothing_is_known_is_in_no_segment(name: str) -> None:
    assert FOUND[name].matches({}) is not True
