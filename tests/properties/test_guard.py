"""What the guard accepts means the same as written, as SQL, in Python and after dbt; the rest is
refused in words.
"""

from __future__ import annotations

import math
from datetime import date, datetime
from typing import Any

import duckdb
import jinja2
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from segments.evaluation import compiled
from segments.guard import parse, parse_model
from segments.predicates import PredicateError

VOCABULARY = {
    "whole": "bigint", "small": "integer", "part": "double", "other": "double", "word": "varchar",
    "yes": "boolean", "no": "boolean", "seen_at": "timestamp", "day": "date",
}  # fmt: skip
NUMBERS = [
    "0", "1", "-1", "- -1", "-(-(2))", "+1", "007", ".5", "5.", "1e3", "1E-2", "1_000", "-0", "0.1",
    "0.30", "1e400",
    "123456789012345", "0.123456789012345", "9007199254740993", "99999999999999999999", "0x1F",
    "1 -- one\n",
]  # fmt: skip
TEXTS = [
    "''", "'a'", "'A'", "'it''s'", "'-- no'", "'/*'", "'a\\'", "'%'", "'{'", "'}}'", "'#}'",
    "'{{'", "'{%'", "'{# x #}'", "'ä'", "'\n'", "E'a\\n'", "$$a$$", "U&'\\0061'", "'a' 'b'",
    "N'a'", "x'61'", "'2026-05-01'", "'true'",
]  # fmt: skip
TIMES = [
    "timestamp '2026-05-01'", "timestamp '2026-05-01 10:00'", "timestamp '2026-05-01T10:00:00.5'",
    "date '2026-05-01'",
    "timestamp '2026-05-01 24:00:00'", "timestamp '2026-05-01 10:00:00+02'", "date '20260501'",
    "date '2026-5-1'",
    "'2026-05-01'::date", "cast('2026-05-01' as timestamp)", "try_cast('2026-05-01' as date)",
    "date '2026-02-30'",
]  # fmt: skip
COLUMNS = [
    *VOCABULARY,
    "WHOLE",
    '"Whole"',
    "profiles.part",
    "other_relation.part",
    "who\u212ale",
    '"a""b"',
]
OTHERS = [
    "null",
    "now()",
    "abs(whole)",
    "whole + 1",
    "?",
    "$1",
    "(select 1)",
    "case when yes then 1 end",
]
# Operands that can mostly be compared with each other; else few of the predicates would be
# accepted.
ALIKE = [
    st.sampled_from(
        ["whole", "small", "part", "other", "WHOLE", '"Whole"', "profiles.part", *NUMBERS[:14]]
    ),
    st.sampled_from(["word", "WORD", "profiles.word", *TEXTS[:11], "'ä'", "'2026-05-01'"]),
    st.sampled_from(["yes", "no", "true", "false", "YES"]),
    st.sampled_from(["seen_at", "profiles.seen_at", *TIMES[:3], "'2026-05-01'::date"]),
    st.sampled_from(["day", "date '2026-05-01'", "cast('1999-01-01' as date)"]),
]
ODD = st.sampled_from([*COLUMNS, *NUMBERS, *TEXTS, *TIMES, *OTHERS])
OPERATORS = st.sampled_from(["=", "==", "<>", "!=", "<", "<=", ">", ">="])
COMMENTS = st.sampled_from([" ", " /* and */ ", " -- or\n", "\n", "\t"])
ROWS: list[dict[str, Any]] = [
    {"whole": 1, "small": -1, "part": 0.1, "other": 0.3, "word": "a", "yes": True, "no": False,
     "seen_at": datetime(2026, 5, 1, 10), "day": date(2026, 5, 1)},
    {"whole": 0, "small": 7, "part": -0.0, "other": 0.0, "word": "it's", "yes": False, "no": False,
     "seen_at": datetime(2026, 5, 1), "day": date(2026, 4, 30)},
    {"whole": 9007199254740993, "small": 1000, "part": 9007199254740992.0, "other": math.nan,
    "word": "{",
     "yes": True, "no": True, "seen_at": datetime(2026, 5, 1, 10, 0, 0, 500000), "day": date(1999,
     1, 1)},
    {"whole": -2, "small": 2, "part": math.inf, "other": math.nan, "word": "a\\", "yes": None,
    "no": True,
     "seen_at": datetime(2026, 4, 30, 23, 59, 59, 999999), "day": date(2026, 5, 2)},
    {"whole": 5, "small": 5, "part": math.nan, "other": math.nan, "word": "ä", "yes": None,
    "no": None,
     "seen_at": None, "day": None},
    dict.fromkeys(VOCABULARY),
]  # fmt: skip


@st.composite
def conditions(draw: st.DrawFn) -> str:
    alike = draw(st.sampled_from(ALIKE))
    operands = st.one_of(alike, alike, alike, alike, alike, alike, ODD)
    left = draw(operands)
    right = draw(operands)
    third = draw(operands)
    negation = draw(st.sampled_from(["", "", "not "]))
    gap = draw(COMMENTS)
    forms = [
        f"{left}{gap}{draw(OPERATORS)} {right}",
        (
            f"{left} {negation}between"
            f" {draw(st.sampled_from(['', '', 'symmetric ']))}{right}{gap}and {third}"
        ),
        f"{left} {negation}in ({', '.join(draw(st.lists(operands, max_size=3)))})",
        f"{left} {draw(st.sampled_from(['in [', '<=> (', 'is distinct from (']))}{right})",
        f"{left} is {negation}{draw(st.sampled_from(['null', 'true', 'false', 'unknown', '1']))}",
        (
            f"{left} {draw(st.sampled_from(['isnull', 'notnull', '', 'like', 'collate nocase =']))}"
            f" {right}"
        ),
        f"{negation}{left}",
    ]
    return draw(st.sampled_from(forms))


TEXT = st.recursive(
    conditions(),
    lambda inner: st.one_of(
        st.builds("{} {} {}".format, inner, st.sampled_from(["and", "or", "AND", "Or"]), inner),
        st.builds("({})".format, inner),
        st.builds("not {}".format, inner),
        st.builds("not (not ({}))".format, inner),
        st.builds("{} and {} or not {} and {}".format, inner, inner, inner, inner),
    ),
    max_leaves=6,
)
LAKE = duckdb.connect(":memory:")
LAKE.execute(
    f"create table profiles (place integer, {', '.join(f'{n} {t}' for n, t in VOCABULARY.items())})"
)
LAKE.executemany(
    f"insert into profiles values ({', '.join('?' * (len(VOCABULARY) + 1))})",
    [[place, *(row[name] for name in VOCABULARY)] for place, row in enumerate(ROWS)],
)
TEMPLATES = jinja2.Environment()  # as in dbt: SQL is not escaped as a page
FILE = "select profile_id\nfrom {{ ref('profiles') }}\nwhere\n    "


def in_duckdb(predicate: str) -> list[bool | None]:
    found = LAKE.execute(f"select ({predicate}\n) from profiles order by place").fetchall()
    return [verdict for (verdict,) in found]


def after_dbt(text: str) -> list[bool | None]:
    """What a file's predicate answers once dbt has rendered it."""
    rendered = TEMPLATES.from_string(FILE + text).render(ref=lambda name: name)
    return in_duckdb(rendered.partition("where\n")[2])


@settings(
    max_examples=600,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(text=TEXT)
def test_what_is_accepted_has_one_meaning_and_the_rest_is_refused(text: str) -> None:
    try:
        predicate = parse(text, VOCABULARY)
    except PredicateError as error:
        assert error.received and error.allowed and error.remedy
        with pytest.raises(PredicateError):
            parse_model(FILE + text, VOCABULARY)
        return
    here = [compiled(predicate)(row) for row in ROWS]
    assert in_duckdb(predicate.to_sql()) == here
    assert in_duckdb(text) == here
    assert after_dbt(text) == here
    assert parse_model(FILE + text, VOCABULARY) == predicate
    assert parse(predicate.to_sql(), VOCABULARY) == predicate


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    text=st.lists(conditions(), min_size=1, max_size=3).map(" and ".join),
    noise=st.text(max_size=6),
    at=st.integers(0),
)
def test_noise_in_a_predicate_never_ends_in_a_traceback(text: str, noise: str, at: int) -> None:
    place = at % (len(text) + 1)
    spoiled = text[:place] + noise + text[place:]
    try:
        predicate = parse(spoiled, VOCABULARY)
    except PredicateError as error:
        assert error.allowed and error.remedy
        return
    assume("\0" not in spoiled)
    assert (
        in_duckdb(predicate.to_sql())
        == [compiled(predicate)(row) for row in ROWS]
        == in_duckdb(spoiled)
    )


def test_the_property_accepts_a_fair_share() -> None:
    accepted = 0
    for operand in [*NUMBERS, *TEXTS, *TIMES]:
        for column in ("whole", "word", "seen_at", "day"):
            try:
                parse(f"{column} = {operand}", VOCABULARY)
            except PredicateError:
                continue
            accepted += 1
    assert accepted >= 40, "a property over refusals alone shows nothing"


DEEP = {
    "parentheses": "(" * 3000 + "whole = 1" + ")" * 3000,
    "negations": "not " * 3000 + "yes",
    "minus signs": "whole = " + "- " * 3000 + "1",
    "nested alternately": "(yes and (no or " * 200 + "yes" + "))" * 200,
    "a long list": f"whole in ({', '.join(map(str, range(30_000)))})",
}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP.keys())
def test_what_is_too_deep_or_too_long_is_refused(text: str) -> None:
    with pytest.raises(PredicateError, match=r"nested deeper|words, values and marks"):
        parse(text, VOCABULARY)


def test_many_conditions_and_many_values_are_read() -> None:
    values = parse(f"whole in ({', '.join(map(str, range(9_000)))})", VOCABULARY)
    many = parse(" or ".join(f"whole = {n}" for n in range(4_000)), VOCABULARY)
    assert [compiled(values)(row) for row in ROWS] == in_duckdb(values.to_sql())
    assert [compiled(many)(row) for row in ROWS] == in_duckdb(many.to_sql())


@pytest.mark.parametrize(
    "sql",
    [
        FILE + "word = '{# a #}'",
        FILE + "word = '{{ ref('profiles') }}'",
        "select profile_id from profiles where word = '{{ ref('profiles') }}'",
        "select profile_id from profiles where yes",
        FILE + "yes {#- and no -#}",
        FILE + "yes;",
        "\ufeff" + FILE + "yes",
        FILE.replace("}}", "}} as p") + "yes",
        FILE + "yes qualify true",
    ],
)
def test_a_file_that_dbt_would_read_otherwise_is_refused(sql: str) -> None:
    with pytest.raises(PredicateError):
        parse_model(sql, VOCABULARY)


def test_a_comment_of_a_template_is_left_out_as_dbt_does() -> None:
    text = "yes {# and no #} -- {# one\n two #} and whole > 3"
    assert parse_model(FILE + text, VOCABULARY).to_sql() == "yes"
    assert after_dbt(text) == in_duckdb("yes")
