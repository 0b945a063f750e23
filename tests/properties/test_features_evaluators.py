"""One text, one meaning: a predicate in DuckDB and its function in Python agree on every row, NULLs
included.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segments import matching
from segments.evaluation import compiled, explained
from segments.guard import parse
from segments.predicates import Predicate, leaves

VOCABULARY = {
    "whole": "bigint",
    "other_whole": "bigint",
    "part": "double",
    "word": "varchar",
    "yes": "boolean",
    "happened_at": "timestamp",
    "day": "date",
}
WORDS = ["", "a", "A", "b", "ä", "it's", "zz", "Ω"]
FRACTIONS = [-1.5, -0.1, 0.0, 0.1, 0.3, 0.7, 1e-9, 2.0, 1e12]
TIMESTAMPS = [datetime(2026, 3, 29, 1) + timedelta(microseconds=n) for n in (-1, 0, 1)] + [
    datetime(2026, 1, 1)
]
DAYS = [date(2026, 3, 28), date(2026, 3, 29), date(2024, 2, 29)]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return f"timestamp '{value.isoformat(sep=' ')}'"
    if isinstance(value, date):
        return f"date '{value.isoformat()}'"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return f"{value:.12f}" if isinstance(value, float) else str(value)


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "whole": st.integers(-3, 3),
    "other_whole": st.integers(-3, 3),
    "part": st.sampled_from(FRACTIONS),
    "word": st.sampled_from(WORDS),
    "yes": st.booleans(),
    "happened_at": st.sampled_from(TIMESTAMPS),
    "day": st.sampled_from(DAYS),
}
ROW = st.fixed_dictionaries({name: st.none() | values for name, values in VALUES.items()})
OPERATORS = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])


@st.composite
def conditions(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from(list(VALUES)))
    value = st.builds(_text, VALUES[name])
    kind = draw(
        st.sampled_from(["compare", "turned", "between", "in", "null", "truth", "columns", "day"])
    )
    if kind == "compare":
        return f"{name} {draw(OPERATORS)} {draw(value)}"
    if kind == "turned":
        return f"{draw(value)} {draw(OPERATORS)} {name}"
    if kind == "between":
        return (
            f"{name} {draw(st.sampled_from(['', 'not ']))}between {draw(value)} and {draw(value)}"
        )
    if kind == "in":
        values = ", ".join(draw(st.lists(value, min_size=1, max_size=3)))
        return f"{name} {draw(st.sampled_from(['', 'not ']))}in ({values})"
    if kind == "null":
        return f"{name} is {draw(st.sampled_from(['', 'not ']))}null"
    if kind == "truth":
        return draw(
            st.sampled_from(["yes", "not yes", "yes is true", "yes is not false", "true", "false"])
        )
    if kind == "columns":
        return f"{draw(st.sampled_from(['whole', 'part']))} {draw(OPERATORS)} other_whole"
    return f"happened_at {draw(OPERATORS)} date '2026-03-29'"


PREDICATES = st.recursive(
    conditions(),
    lambda inner: st.one_of(
        st.builds("({}) and {}".format, inner, inner),
        st.builds("{} or ({})".format, inner, inner),
        st.builds("not ({})".format, inner),
        st.builds("{} and {} or {}".format, inner, inner, inner),
    ),
    max_leaves=8,
)
LAKE = duckdb.connect(":memory:")
COLUMNS = ", ".join(f"{name} {data_type}" for name, data_type in VOCABULARY.items())
LAKE.execute(f"create table rows_given (place integer, {COLUMNS})")


def in_duckdb(sql: str, rows: list[dict[str, Any]]) -> list[bool | None]:
    LAKE.execute("delete from rows_given")
    marks = ", ".join("?" * (len(VOCABULARY) + 1))
    LAKE.executemany(
        f"insert into rows_given values ({marks})",
        [[place, *(row[name] for name in VOCABULARY)] for place, row in enumerate(rows)],
    )
    return [
        verdict
        for (verdict,) in LAKE.execute(f"select {sql} from rows_given order by place").fetchall()
    ]


@pytest.mark.slow
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=PREDICATES, rows=st.lists(ROW, min_size=4, max_size=12))
def test_sql_and_python_agree(text: str, rows: list[dict[str, Any]]) -> None:
    predicate: Predicate = parse(text, VOCABULARY)
    here = [compiled(predicate)(row) for row in rows]
    # Three meanings that must be one: the text as it was written, the tree as SQL, the tree in
    # Python.
    assert in_duckdb(text, rows) == here
    assert in_duckdb(predicate.to_sql(), rows) == here
    assert parse(predicate.to_sql(), VOCABULARY).to_sql() == predicate.to_sql()


@settings(max_examples=50, deadline=None)
@given(text=PREDICATES, row=ROW)
def test_an_explanation_covers_every_condition(text: str, row: dict[str, Any]) -> None:
    predicate = parse(text, VOCABULARY)
    findings = explained(predicate, row)
    assert len(findings) == len(leaves(predicate))
    assert [finding.verdict for finding in findings] == [
        compiled(leaf)(row) for leaf in leaves(predicate)
    ]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    texts=st.lists(st.tuples(PREDICATES, st.none() | PREDICATES), max_size=4),
    repeated=st.sampled_from([1, 24]),
    least=st.sampled_from([1, 3, matching.LEAST_CONDITIONS]),
    rows=st.lists(ROW, min_size=1, max_size=12),
)
def test_the_scan_of_all_segments_and_python_agree(
    texts: list[tuple[str, str | None]], repeated: int, least: int, rows: list[dict[str, Any]]
) -> None:
    """repeated: many times the segments need words after the first. least: which columns are asked
    by their values.
    """
    rules = [(f"{n} {k}'s", *both) for k in range(repeated) for n, both in enumerate(texts)]
    wanted = {}
    for segment, *both in rules:
        enters, stays = (
            None if text is None else compiled(parse(text, VOCABULARY)) for text in both
        )
        for place, row in enumerate(rows):
            if (enters and enters(row)) or (stays and stays(row)):
                wanted[segment, str(place)] = bool(enters and enters(row))
    in_duckdb("true", rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "LEAST_CONDITIONS", least)
        profiles = "(select place::varchar as profile_id, rows_given.* from rows_given)"
        found = (
            matching.Scan(LAKE, profiles, matching.questions(rules, VOCABULARY)).run().fetchall()
        )
    assert len(found) == len(wanted)
    assert {(segment, who): is_match for segment, who, is_match in found} == wanted


def test_a_predicate_has_a_way_for_each_choice_until_there_are_too_many() -> None:
    one = parse("whole > 1 and (part > 0 or word = 'a')", VOCABULARY)
    assert matching.ways(one) == [
        {"whole": "(whole > 1)", "part": "(part > 0)"},
        {"whole": "(whole > 1)", "word": "(word = 'a')"},
    ]
    turned = parse("not (whole > 1 and (part > 0 or word = 'a'))", VOCABULARY)
    assert matching.ways(turned) == [
        {"whole": "not (whole > 1)"},
        {"part": "not (part > 0)", "word": "not (word = 'a')"},
    ]
    sixteen = " and ".join(["(whole > 1 or part > 0)"] * 4)
    assert len(matching.ways(parse(sixteen, VOCABULARY))) == 16
    (whole,) = matching.ways(parse(sixteen + " and (yes or whole = 0)", VOCABULARY))
    assert list(whole) == [matching.SEVERAL]


def test_nobody_and_nothing_are_asked_without_a_fault() -> None:
    nobody = "(select null::varchar as profile_id, rows_given.* from rows_given limit 0)"
    asked = matching.questions([("a", "whole > 1", None), ("free", None, None)], VOCABULARY)
    assert matching.Scan(LAKE, nobody, asked).run().fetchall() == []
    assert matching.Scan(LAKE, nobody, []).run().fetchall() == []
