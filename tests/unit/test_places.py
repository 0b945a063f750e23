"""A country is one however it is written."""

from __future__ import annotations

import re

import duckdb
import pytest

from segmentry import places
from tests.staging_lake import GOOD, StagingLake

LAKE = StagingLake()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("fr", "FR"), ("FRA", "FR"), ("250", "FR"), (" Frankreich ", "FR"), ("FRANCE", "FR"),
        ("Österreich", "AT"),
        ("osterreich", "AT"), ("U.S.A.", "US"), ("United States of America", "US"), ("uk", "GB"),
        ("EIRE", "IE"),
        ("日本", "JP"), ("Россия", "RU"), ("Côte d’Ivoire", "CI"),
    ],
)  # fmt: skip
def test_codes_numbers_and_names_are_the_country(text: str, code: str) -> None:
    assert places.country_code(text) == code
    assert (
        LAKE.judged("crm_contacts", [{**GOOD["crm_contacts"], "country": text}])[0]["country"]
        == code
    )


@pytest.mark.parametrize(
    "text", ["Atlantis", "European Community", "EU", "ZZ", "Soviet Union", "1", "x" * 5000, "''"]
)
def test_what_is_no_country_is_cleared_and_counted(text: str) -> None:
    assert places.country_code(text) is None
    row = LAKE.judged("crm_contacts", [{**GOOD["crm_contacts"], "country": text}])[0]
    assert (row["outcome"], row["country"], row["cleared"]) == (
        "accepted",
        None,
        "country: unknown_value",
    )


def test_countries_of_events_too() -> None:
    found = LAKE.judged(
        "events", [{**GOOD["events"], "context": {"location": {"country": "Deutschland"}}}]
    )[0]
    assert found["country"] == "DE"


def test_the_macro_has_every_code() -> None:
    assert re.findall(r"[A-Z]{2}", LAKE.project.call("country_codes")) == places.codes()


def test_the_function_is_registered_once_and_again() -> None:
    connection = duckdb.connect()
    places.register(connection)
    places.register(connection.cursor())
    sql = "select country_code('Schweiz'), country_code(null), country_code('nowhere')"
    assert connection.execute(sql).fetchone() == ("CH", None, None)
