"""Odd values of each column type: read rightly, cleared with a count, or quarantined with the
reason that is there.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from segmentry import identifiers
from tests.staging_lake import GOOD, StagingLake

LAKE = StagingLake()
KEYS = {
    "orders": "order_id",
    "crm_contacts": "contact_id",
    "products": "product_id",
    "email_events": "event_id",
}


def judged(source: str, field: str, values: list[Any], **also: Any) -> list[dict[str, Any]]:
    """One record for each value, each with a key of its own, judged in one vector."""
    records = [{**GOOD[source], **also, field: value} for value in values]
    for number, record in enumerate(records):
        if KEYS.get(source, field) != field:
            record[KEYS[source]] = f"n{number}"
    return LAKE.judged(source, records)


def outcomes(source: str, field: str, column: str, values: list[Any]) -> list[Any]:
    """The value of the column where it is kept, else the reason why it or the record is not."""
    found = []
    for row in judged(source, field, values):
        if row["outcome"] == "quarantined":
            found.append(f"{row['reason']}: {row['detail']}")
        else:
            found.append(row["cleared"] or row[column])
    return found


TIMES: dict[str, datetime | str] = {
    "2026-02-03T10:00:00 EST": datetime(2026, 2, 3, 15),
    "2026-02-03T10:00:00": datetime(2026, 2, 3, 10),
    "2026-02-03 10:00:00 Asia/Tokyo": datetime(2026, 2, 3, 1),
    "2026-02-03": datetime(2026, 2, 3),
    "2026-02-03T10:00": datetime(2026, 2, 3, 10),
    "2026-07-03T10:00:00 Europe/Berlin": datetime(2026, 7, 3, 8),
    "2026-02-03T10:00Z": datetime(2026, 2, 3, 10),
    "2026-02-03 10:00+0530": datetime(2026, 2, 3, 4, 30),
    "2026-02-03 10:00:00.25 +02:00": datetime(2026, 2, 3, 8, 0, 0, 250000),
    "2026-02-03t10:00:00z": datetime(2026, 2, 3, 10),
    "2026/2/3 9:05:00-11": datetime(2026, 2, 3, 20, 5),
    "2026-02-03T24:00:00Z": datetime(2026, 2, 4),
    **dict.fromkeys(
        ("1767225600", "1767225600123", "45991.5", "29.02.2024 10:00", "2/3/2026", "2026-02-30",
        "26-02-03", "now",
         "epoch", "2026-02-03 (BC)", "2026-02-03T10:00:00+25:00", "2026-02-03 10:00:00 Moon/Base",
         "2026-W05"),
        "invalid_value: ordered_at",
    ),
    "infinity": "in_future: later than it was loaded: ordered_at",
    "1970-01-01T00:00:00Z": "out_of_range: before the earliest time allowed: ordered_at",
}  # fmt: skip


def test_times_are_read_each_by_its_own_zone_whatever_precedes_them() -> None:
    assert outcomes("orders", "ordered_at", "ordered_at", list(TIMES)) == list(TIMES.values())
    backwards = list(reversed(TIMES))
    assert outcomes("orders", "ordered_at", "ordered_at", backwards) == [
        TIMES[text] for text in backwards
    ]


def _all(reason: str, *values: Any) -> list[tuple[Any, str]]:
    return [(value, reason) for value in values]


COLUMNS: dict[tuple[str, str], list[tuple[Any, Any]]] = {
    ("crm_contacts", "birth_date"): [
        ("1984-02-29", date(1984, 2, 29)), ("1984/2/9", date(1984, 2, 9)),
        ("1984-02-29T23:00:00-05:00", date(1984, 2, 29)), ("1970-01-01", date(1970, 1, 1)),
        *_all("birth_date: invalid_value", "29.02.2023", "02/28/2023", "1984", "19840229", 19840229,
        30011,
              "1984-02-30", "84-02-03", "1984-02-03 BC", "epoch", 452131200),
        *_all("birth_date: placeholder", "1900-01-00", "1899-12-30", "00.00.0000", "0000-00-00",
        "0", "null", "#N/A"),
        ("2027-01-01", "birth_date: in_future"), ("1899-05-05", "birth_date: too_early"),
    ],
    ("products", "is_luxury"): [
        *[(value, True) for value in ("ja", "Y", "1.0", 1.0, "TRUE", "on", "oui", True, 1)],
        *[(value, False) for value in ("nein", "N", "0.0", 0, "False", "off", "non", False)],
        *_all("is_luxury: invalid_value", "2", "-1", "x", "1,0", {}, []),
        *_all("is_luxury: placeholder", "n/a", "unknown"),
    ],
    ("products", "price"): [
        ("1e3", Decimal(1000)), (".5", Decimal("0.5")), ("12\u200b", Decimal(12)), ("1000000000",
        Decimal(10**9)),
        *_all("price: invalid_value", "1.234,56", "1,234.56", "(12.00)", "12-", "€12", "12 EUR",
        "0x10", "1\u00a0234",
              "١٢", "Infinity", "1e", True, {}),
        *_all("price: out_of_range", "1e400", "1e15", "-12", "1000000000.01", 10**30),
        *_all("price: placeholder", "NaN", "n/a", "#REF!"),
    ],
    ("crm_contacts", "household_size"): [
        ("3.0", 3), ("+3", 3), ("30", 30),
        *_all("household_size: invalid_value", "2.5", "two", "3 people", "3,0", "1.79E+04", True),
        *_all("household_size: out_of_range", "0", "31", "-1", "2e30", 10**25),
        ("nan", "household_size: placeholder"),
    ],
    ("crm_contacts", "country"): [
        ("DEU", "DE"), ("Deutschland", "DE"), ("U.S.A.", "US"), ("276", "DE"), (" uk\u00a0", "GB"),
        ("\u00a0", None),
        *_all("country: unknown_value", "Atlantis", "XX", "EU"), ("(not set)",
        "country: placeholder"),
    ],
    ("crm_contacts", "gender"): [
        ("FEMALE", "female"), *_all("gender: invalid_value", {"a": 1}, ["f"]), ("Unknown",
        "gender: placeholder"),
    ],
    ("products", "subcategory"): [
        ("Desk \u00a0lamps", "Desk \u00a0lamps"), ("\u200b", None), ("(not set)",
        "subcategory: placeholder"),
        *_all("subcategory: invalid_value", {"a": 1}, ["Lamps"]),
    ],
    ("products", "currency"): [
        ("eur", "EUR"), *_all("currency: unknown_value", "€", "EURO", "123"), ("n/a",
        "currency: placeholder"),
    ],
    ("email_events", "campaign_id"): [
        (12.0, "12"), ("c\u200b", "c"), *_all("campaign_id: lost_digits", "1e16",
        9007199254740992.0, "4.7E+05"),
        *_all("campaign_id: invalid_value", [1], True, {}, "a\u0007b"), ("null",
        "campaign_id: placeholder"),
    ],
    ("orders", "order_id"): [
        ("4712.0", "4712"), (4713.0, "4713"), ('="4714"', "4714"), ("00123", "00123"), ("12e4",
        "12e4"),
        ("9007199254740993", "9007199254740993"),
        ("{4A1B2C3D-0000-4111-8222-ABCDEF012345}", "4a1b2c3d-0000-4111-8222-abcdef012345"),
        *_all("lost_digits: order_id", 9007199254740992.0, "9.007199254740993e15", "4.71E+05",
        1e21),
        *_all("invalid_value: order_id", {}, [1], True, "a\u0000b", "y" * 400),
        *_all("placeholder: order_id", "null", "-", "#REF!"),
        *_all("missing_id: order_id", "", None, "\u200b", " \u00a0 "),
    ],
    ("orders", "ordered_at"): _all("missing_field: ordered_at", "", None, "\ufeff", "\u00a0"),
    ("orders", "total"): [
        *_all("invalid_value: total", "12,50", "(12.00)", "NaN", {}), *_all("out_of_range: total",
        "1e400", "-1e12"),
        ("-1", "negative_amount: total"), ("\u200b", "missing_field: total"),
    ],
    ("orders", "status"): [("paid", "unknown_value: status"), ("", "missing_field: status")],
    ("email_events", "email"): _all("missing_field: email", "", "\u200b", "\u00ad"),
}  # fmt: skip


@pytest.mark.parametrize(("source", "column"), COLUMNS, ids=".".join)
def test_odd_values_are_kept_cleared_or_quarantined_for_the_reason_that_is_there(
    source: str, column: str
) -> None:
    cases = COLUMNS[source, column]
    found = outcomes(source, column, column, [value for value, _ in cases])
    assert list(zip([value for value, _ in cases], found, strict=True)) == cases


def test_a_key_in_the_future_is_not_missing() -> None:
    (row,) = LAKE.judged("exchange_rates", [{"Date": "2031-01-01", "USD": "1.1"}])
    assert (row["reason"], row["detail"]) == ("in_future", "later than it was loaded: rate_date")


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"userId": "", "anonymousId": "\u200b"}, "userId or anonymousId"),
        ({"timestamp": " "}, "timestamp"),
    ],
)
def test_what_an_event_leaves_empty_is_missing_and_not_invalid(
    fields: dict[str, str], detail: str
) -> None:
    (row,) = LAKE.judged("events", [{**GOOD["events"], **fields}])
    assert (row["reason"], row["detail"]) == ("missing_field", detail)


def test_ids_of_things_that_became_floats_meet_in_every_source() -> None:
    (event,) = LAKE.judged(
        "events", [{**GOOD["events"], "properties": {"order_id": 77.0, "product_id": "88.0"}}]
    )
    assert (event["order_id"], event["product_id"]) == ("77", "88")
    (line,) = LAKE.judged(
        "online_retail", [{**GOOD["online_retail"], "InvoiceNo": 536365.0, "StockCode": "22752.0"}]
    )
    assert (line["invoice_id"], line["stock_code"]) == ("536365", "22752")
    (change,) = LAKE.judged("subscriptions", [{**GOOD["subscriptions"], "subscription_id": 5.0}])
    assert change["subscription_id"] == "5"


@pytest.mark.parametrize(
    "key",
    ["4711", "4711.0", "4e15", "4e16", "12e4", "a-1", "A-B", "order_7", "e5", "1e5x", "0x0f",
    "ab cd", "1.5", "null",
     "5f0c8f6e-1c1b-4c53-9f3a-0b1c2d3e4f5a", "5F0C8F6E-1C1B-4C53-9F3A-0B1C2D3E4F5A", "1E20",
     "9" * 64, "-5.0", "7_000",
     "urn:uuid:5f0c8f6e-1c1b-4c53-9f3a-0b1c2d3e4f5a", "x" * 64, "x" * 330],
)  # fmt: skip
def test_the_quick_form_of_a_key_is_the_careful_one(key: str) -> None:
    sql = LAKE.project.call("normal_key", "key")
    row = LAKE.connection.execute(f"select {sql} from (select ?::varchar as key)", [key]).fetchone()
    assert row == (identifiers.normal(identifiers.THING, key),)


SCORES: list[tuple[str, dict[str, Any], dict[str, Any], str | None]] = [
    ("values", {"nps": 10, "price_sensitivity": 5}, {"nps": 10, "price_sensitivity": 5}, None),
    (
        "values",
        {"nps": 11, "price_sensitivity": 0},
        {},
        "price_sensitivity: out_of_range, nps: out_of_range",
    ),
    ("NPS after delivery", {"score": 0}, {"nps": 0}, None),
    ("nps", {"score": "-1"}, {}, "nps: out_of_range"),
    ("csat", {"score": 5}, {"csat": 5}, None),
    ("csat", {"score": 10}, {}, "csat: out_of_range"),
    ("ces", {"score": 7.0}, {"ces": 7}, None),
    ("ces", {"ces": 8}, {}, "ces: out_of_range"),
    ("values", {"score": 77, "nps": "very"}, {}, "nps: invalid_value"),
]


@pytest.mark.parametrize(("survey", "answers", "kept", "cleared"), SCORES)
def test_scores_are_on_the_scale_of_their_survey(
    survey: str, answers: dict[str, Any], kept: dict[str, Any], cleared: str | None
) -> None:
    (row,) = LAKE.judged("surveys", [{**GOOD["surveys"], "survey": survey, "answers": answers}])
    assert (row["outcome"], row["cleared"]) == ("accepted", cleared)
    assert {
        name: row[name]
        for name in ("nps", "csat", "ces", "price_sensitivity")
        if row[name] is not None
    } == kept


def test_a_birthday_in_traits_is_judged_like_one_of_a_contact() -> None:
    texts = ["0000-00-00", "1984-02-29", "29.02.1984", "2031-01-01"]
    events = [
        {**GOOD["events"], "messageId": f"m{n}", "traits": {"birthday": text}}
        for n, text in enumerate(texts)
    ]
    rows = LAKE.judged("events", events)
    assert [row["trait_birthday"] for row in rows] == [None, date(1984, 2, 29), None, None]
    assert [row["cleared"] for row in rows] == [
        "trait_birthday: placeholder", None, "trait_birthday: invalid_value",
        "trait_birthday: in_future"
    ]  # fmt: skip
