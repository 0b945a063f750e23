"""A bad value costs its field, a bad key or required value the record, and neither goes without a
count.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from sources.judgement import declared
from tests.dbt_sql import PROJECT
from tests.staging_lake import GOOD, StagingLake, fields_of

LAKE = StagingLake()
DECLARED = declared(PROJECT)


def judged(source: str, **values: Any) -> dict[str, Any]:
    """The good record of a source with these fields set; of an accepted one every optional column
    is accounted for.
    """
    row = LAKE.judged(source, [{**GOOD[source], **values}])[0]
    if row["outcome"] == "accepted":
        assert sorted(fields_of(row)) == sorted(
            name for name, spec in DECLARED[source].items() if spec["on_fault"] == "field"
        )
    return row


def event(**values: Any) -> dict[str, Any]:
    return judged("events", **values)


@pytest.mark.parametrize("source", GOOD)
def test_the_least_record_is_accepted_and_nothing_is_cleared(source: str) -> None:
    row = judged(source)
    assert (row["outcome"], row["reason"], row["cleared"], row["unread"]) == (
        "accepted",
        None,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("source", "field", "value", "reason"),
    [
        ("crm_contacts", "birth_date", "0000-00-00", "placeholder"),
        ("crm_contacts", "birth_date", "1900-01-01", "placeholder"),
        ("crm_contacts", "birth_date", "2026-02-30", "invalid_value"),
        ("crm_contacts", "birth_date", "infinity", "invalid_value"),
        ("crm_contacts", "birth_date", "1767225600", "invalid_value"),
        ("crm_contacts", "birth_date", "2031-05-01", "in_future"),
        ("crm_contacts", "created_at", "1970-01-01T00:00:00Z", "placeholder"),
        ("crm_contacts", "household_size", "-1", "out_of_range"),
        ("crm_contacts", "household_size", "2.5", "invalid_value"),
        ("crm_contacts", "gender", "(not set)", "placeholder"),
        ("crm_contacts", "user_id", "[1]", "invalid_value"),
        ("products", "price", "-0.01", "out_of_range"),
        ("products", "price", "12,50", "invalid_value"),
        ("products", "price", "1_000", "invalid_value"),
        ("products", "cost", "1e11", "out_of_range"),
        ("products", "is_luxury", "perhaps", "invalid_value"),
        ("subscriptions", "mrr", "-5", "out_of_range"),
        ("subscriptions", "ended_at", "9999-12-31", "no_end"),
        ("subscriptions", "ended_at", "2999-12-31T23:59:59Z", "no_end"),
        ("subscriptions", "ended_at", "infinity", "no_end"),
        ("subscriptions", "ended_at", "0000-00-00 00:00:00", "placeholder"),
        ("support_tickets", "satisfaction", "6", "out_of_range"),
        ("support_tickets", "resolved_at", "2025-12-31T00:00:00Z", "inconsistent"),
    ],
)
def test_a_bad_optional_value_costs_the_field(
    source: str, field: str, value: str, reason: str
) -> None:
    row = judged(source, **{field: value})
    assert row["outcome"] == "accepted"
    assert row[field] is None
    assert row["cleared"] == f"{field}: {reason}"


@pytest.mark.parametrize(
    ("source", "field", "value", "expected"),
    [
        ("crm_contacts", "birth_date", "1996-02-29", date(1996, 2, 29)),
        ("crm_contacts", "birth_date", "1970-01-01", date(1970, 1, 1)),
        ("crm_contacts", "gender", "  Female\u200b", "female"),
        ("crm_contacts", "first_name", "Yve\u0000tte\ufeff", "Yvette"),
        ("crm_contacts", "household_size", "3.0", 3),
        ("products", "price", "1e3", Decimal(1000)),
        ("products", "currency", " eur", "EUR"),
        ("products", "category", "\u00a0Garden\t", "Garden"),
        ("subscriptions", "plan", " Premium ", "premium"),
        ("subscriptions", "status", "Past Due", "past_due"),
        ("subscriptions", "status", "CANCELED", "cancelled"),
        ("email_events", "event_type", "Spam Report", "spam_report"),
        ("support_tickets", "channel", "PHONE ", "phone"),
    ],
)
def test_spelling_is_not_a_fault(source: str, field: str, value: str, expected: object) -> None:
    row = judged(source, **{field: value})
    assert (row["outcome"], row["cleared"], row[field]) == ("accepted", None, expected)


@pytest.mark.parametrize("value", [{"id": 1}, [7], True, "NaN", "u\u0000x", "a\u0007b"])
def test_what_is_no_id_is_no_user(value: object) -> None:
    row = event(userId=value)
    assert (row["outcome"], row["user_id"], row["cleared"]) == (
        "accepted",
        None,
        "user_id: invalid_value",
    )
    alone = LAKE.judged("events", [{**GOOD["events"], "userId": value, "anonymousId": None}])[0]
    assert (alone["outcome"], alone["reason"], alone["detail"]) == (
        "quarantined", "invalid_value", "userId or anonymousId"
    )  # fmt: skip


def test_numbers_as_ids_keep_their_digits() -> None:
    row = event(userId=90071992547409931234567)
    assert row["user_id"] == "90071992547409931234567"


@pytest.mark.parametrize("value", ["x", 7, [1], True, [], "[]", "{"])
@pytest.mark.parametrize("part", ["traits", "properties", "context"])
def test_parts_of_a_wrong_type_leave_the_event(part: str, value: object) -> None:
    row = event(**{part: value})
    assert (row["outcome"], row["cleared"]) == ("accepted", f"{part}: invalid_value")
    assert row.get(part) is None


@pytest.mark.parametrize("part", ["page", "campaign", "device", "location", "traits"])
def test_parts_of_the_context_too(part: str) -> None:
    row = event(context={part: "x", "locale": "de"})
    assert (row["outcome"], row["locale"]) == ("accepted", "de")
    assert f"context_{part}: invalid_value" in row["cleared"]


@pytest.mark.parametrize("value", [{}, {"a": {"b": {"c": [1]}}}, None])
def test_objects_and_nothing_are_right(value: object) -> None:
    row = event(traits=value, properties=value, context=value)
    assert (row["outcome"], row["cleared"]) == ("accepted", None)


def test_numbers_of_events_are_judged() -> None:
    row = event(
        properties={
            "price": 99999999999999,
            "quantity": -1,
            "revenue": "Infinity",
            "currency": "euros",
        }
    )
    assert row["outcome"] == "accepted"
    assert (
        row["cleared"]
        == "price: out_of_range, quantity: out_of_range, revenue: invalid_value, currency:"
        " unknown_value"
    )


def test_names_that_no_column_reads_are_named_and_values_are_not() -> None:
    row = judged("crm_contacts", Phone="1", twitter="x", **{"ann@shop.test": 1})
    assert row["unread"] == "(other), Phone, twitter"


def test_a_name_that_occurs_twice_is_no_record() -> None:
    text = '{"contact_id": "k", "contact_id": "l", "updated_at": "2026-01-01T00:00:00Z"}'
    row = LAKE.judged("crm_contacts", [text])[0]
    assert (row["outcome"], row["reason"], row["detail"]) == (
        "quarantined",
        "repeated_name",
        "a name occurs twice",
    )


@pytest.mark.parametrize("answers", ["x", "[1]", 5, '{"nps": '])
def test_answers_are_an_object(answers: object) -> None:
    row = judged("surveys", answers=answers)
    assert (row["outcome"], row["reason"], row["detail"]) == (
        "quarantined",
        "invalid_value",
        "answers",
    )
