"""What a segment may contain, and the message for anything else; the examples are those of the
documentation.
"""

from __future__ import annotations

import re

import pytest

from segmentry.settings import ROOT
from segments.guard import parse, parse_model
from segments.predicates import PredicateError, columns_of

PAGE = (ROOT / "docs" / "reference" / "segment-predicates.md").read_text(encoding="utf-8")


def table(heading: str) -> list[tuple[str, ...]]:
    """The rows of the page's table whose head begins so; code marks around a whole cell are left
    out.
    """
    body = PAGE.split(f"| {heading} |", 1)[1].split("\n\n")[0]
    rows = [line.strip("| ").split(" | ") for line in body.splitlines()[2:]]
    return [tuple(re.sub("^`([^`]*)`$", r"\1", cell) for cell in row) for row in rows]


def refused(heading: str) -> list[tuple[str, ...]]:
    """As ``table``, with what is received as it is printed."""
    body = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in body.splitlines() if line.startswith("| `")]
    return [(row[0].strip("`"), row[1], row[2]) for row in rows]


VOCABULARY = {row[0]: row[1] for row in table("column | type")}
VALID = table("written | read as")
INVALID = refused("Refused")
INVALID_MODELS = refused("Refused as a file")


def test_the_page_covers_what_people_try() -> None:
    assert (len(VALID), len(INVALID), len(INVALID_MODELS)) == (21, 43, 11)
    assert len(VOCABULARY) == 8


@pytest.mark.parametrize(("text", "canonical"), VALID)
def test_what_a_segment_may_contain(text: str, canonical: str) -> None:
    predicate = parse(text, VOCABULARY)
    assert predicate.to_sql() == canonical
    assert parse(canonical, VOCABULARY) == predicate
    assert set(columns_of(predicate)) <= set(VOCABULARY)


@pytest.mark.parametrize(("text", "received", "remedy"), INVALID)
def test_what_it_may_not_contain_and_the_remedy(text: str, received: str, remedy: str) -> None:
    with pytest.raises(PredicateError) as caught:
        parse(text, VOCABULARY)
    assert (caught.value.received, caught.value.remedy) == (received, remedy)


def test_a_segment_is_one_select_from_profiles() -> None:
    commented = (
        "{# who #}\n-- why\nselect profile_id\nfrom {{ ref('profiles') }}\nwhere\n   "
        " orders_lifetime > 3\n"
    )
    assert parse_model(commented, VOCABULARY) == parse("orders_lifetime > 3", VOCABULARY)


@pytest.mark.parametrize(("sql", "received", "remedy"), INVALID_MODELS)
def test_any_other_shape_is_refused(sql: str, received: str, remedy: str) -> None:
    with pytest.raises(PredicateError) as caught:
        parse_model(sql, VOCABULARY)
    assert (caught.value.received, caught.value.remedy) == (received, remedy)
