"""What shows that two records are of two people, and what does not: missing values, marriages,
typos, nicknames, transliterations, swapped names.
"""

from __future__ import annotations

import duckdb
import jellyfish
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity.differences import BIRTH_DATE, NAME, Person, difference, merged, person


def stated(text: str) -> Person:
    """A person from ``first|last|birth date|gender``."""
    parts = [*text.split("|"), "", "", ""][:4]
    first, last, birth, gender = [[part] if part else [] for part in parts]
    return person(first, last, birth, gender)


TWO_PEOPLE = [
    ("Anna|Huber", "Peter|Huber", NAME),
    ("Anna|", "Peter|Huber", NAME),
    ("Emma|Huber", "Emil|Huber", NAME),
    ("Maria|Novak", "Marco|Novak", NAME),
    ("Tom|Adler", "Tim|Adler", NAME),
    ("Paul|Huber", "Paula|Klein", NAME),
    ("Paul|Huber||male", "Paula|Huber||female", NAME),
    ("Mark|Huber|1980-03-04", "Ines|Klein|1980-03-04", NAME),
    ("Karl|Huber|1950-06-07", "Karl|Huber|1979-11-23", BIRTH_DATE),
    ("||1950-06-07", "Karl|Huber|1979-11-23", BIRTH_DATE),
    ("Иван|Петров", "Ольга|Петрова", NAME),
]
ONE_PERSON = [
    ("Anna|Huber", "anna |HUBER"),
    ("Anna|Huber", "|Huber"),
    ("Anna|Huber", "Anna|Klein"),  # a marriage
    ("Anna|Huber|1980-03-04", "Anna|Klein|1980-03-04"),
    ("Anna|Müller-Huber", "Anna|Mueller"),
    ("Anna Maria|Huber", "Maria|Huber"),
    ("Dr. Anna|Huber", "Anna|Huber"),
    ("A.|Huber", "Anna|Huber"),
    ("Huber|Anna", "Anna|Huber"),
    ("Jsoé|García", "José|Garcia"),
    ("Katharnia|Huber", "Katharina|Huber"),
    ("Bob|Smith", "Robert|Smyth"),
    ("Peggy|Stone", "Margaret|Stone"),
    ("Lisa|Huber|1980-03-04", "Elisabeth|Huber|1980-03-04"),
    ("Rosemarie|Huber|1980-03-04", "Ottilie|Huber|1980-03-04"),
    ("Yevgeniy|Ivanov", "Evgenii|Ivanoff"),
    ("Mohammed|Aziz", "Muhammad|Aziz"),
    ("Dmitry|Orlov", "Dimitri|Orlov"),
    ("Анна|Хубер", "Anna|Huber"),
    ("Анна|Хубер", "Peter|Klein"),  # not comparable
    ("Anna|Huber|1980-03-04", "Anna|Huber|1980-04-03"),  # day and month
    ("Anna|Huber|1980-03-04", "Anna|Huber|1980-03-14"),  # a typo
    ("Anna|Huber|1980-01-01", "Anna|Huber|1991-05-06"),  # a form's first of January
    ("|", "Peter|Klein|1980-03-04"),
    ("|Huber", "Anna|Klein"),
    ("?|-", "Anna|Klein"),
]


@pytest.mark.parametrize(("one", "other", "trait"), TWO_PEOPLE)
def test_two_people_differ(one: str, other: str, trait: str) -> None:
    assert difference(stated(one), stated(other)) == trait
    assert difference(stated(other), stated(one)) == trait


@pytest.mark.parametrize(("one", "other"), ONE_PERSON)
def test_one_person_may_be_written_in_several_ways(one: str, other: str) -> None:
    assert difference(stated(one), stated(other)) is None
    assert difference(stated(other), stated(one)) is None


def test_several_values_of_one_identifier_differ_only_if_all_do() -> None:
    renamed = person(["Anna", "Petra"], ["Huber"])
    assert difference(renamed, stated("Anna|Huber")) is None
    assert difference(renamed, stated("Jakub|Huber")) == NAME


def test_what_was_joined_is_compared_as_one_person() -> None:
    both = merged(stated("Anna|Huber"), stated("|Klein|1980-03-04"))
    assert both == person(["Anna"], ["Huber", "Klein"], ["1980-03-04"])
    assert difference(both, stated("Anna|Klein")) is None
    assert difference(both, stated("Jakub|Klein")) == NAME
    assert merged(None, both) == merged(both, None) == both


names = st.text(alphabet="abeiklnorst -.ßéИв", max_size=12)
people = st.builds(
    person,
    st.lists(names, max_size=2),
    st.lists(names, max_size=2),
    st.lists(st.dates().map(str), max_size=1),
    st.lists(st.sampled_from(["female", "male", "x"]), max_size=1),
)


@settings(max_examples=200, deadline=None)
@given(people, people)
def test_the_order_of_two_does_not_matter_and_nobody_differs_from_himself(
    one: Person, other: Person
) -> None:
    assert difference(one, other) == difference(other, one)
    assert difference(one, one) is None


@settings(max_examples=50, deadline=None)
@given(st.text("abcdefgh", min_size=1, max_size=12), st.text("abcdefgh", min_size=1, max_size=12))
def test_names_are_compared_as_splink_compares_them_on_duckdb(one: str, other: str) -> None:
    (known,) = duckdb.execute("select jaro_winkler_similarity(?, ?)", [one, other]).fetchone() or ()
    assert jellyfish.jaro_winkler_similarity(one, other) == pytest.approx(known)
