"""Nothing is dropped without a count: observability.data_quality by the project's SQL on a plain
DuckDB.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from segmentry.settings import ROOT
from tests import poison
from tests.dbt_sql import PROJECT
from tests.staging_lake import GOOD, StagingLake, fields_of

LAKE = StagingLake(("staging", "portable", "observability"))


# What identity and marts made of it: the smallest rows of each kind that is counted.
BEHIND = {
    "marts.consent_matches": (
        "select * from (values ('email', 'x', null), ('email', 'y', 'z'), ('phone', 'x', null))"
        " as matches (identifier_type, identifier, meant)"
    ),
    "observability.unconverted_amounts": (
        "select 'products' as source, 'SEK' as currency, 'unknown_rate' as reason, 3 as amounts"
    ),
    "identity.refused_identifiers": (
        "select 'orders' as source, 'user_id' as identifier_type, 'placeholder' as reason,"
        " unnest([4, 5]) as records"
    ),
    "marts.event_profiles": (
        "select unnest([true, true, false]) as is_bot, unnest([true, false, false]) as is_excluded"
    ),
    "marts.crawler_profiles": "select 'p' as profile_id",
}


def build(records: dict[str, list[Any]]) -> None:
    """staging from these records, and the model on top of it; categories are what the catalogue
    has.
    """
    run = LAKE.connection.execute
    run("create schema if not exists observability; create schema if not exists marts")
    run("create schema if not exists identity")
    run(
        "create or replace table staging.held_records (_source varchar, _file varchar, _line"
        " bigint, _batch_id varchar, _loaded_at timestamp, _raw varchar, record_id varchar, reason"
        " varchar, detail varchar)"
    )
    for source in [*GOOD, "exchange_rates"]:
        LAKE.land(source, records.get(source, []))
        LAKE.project.table(f"staging/base_{source}")
    # Records that a judgement of several records rejects: none here.
    run(
        "create or replace table staging.held_records as select _source, _file, _line, _batch_id,"
        " _loaded_at, _raw, record_id, reason, detail from staging.base_orders where false"
    )
    for model in (
        "landing_balance",
        "quarantine",
        "stg_events__events",
        "stg_orders__orders",
        "stg_orders__order_items",
    ):
        LAKE.project.table(f"staging/{model}")
    run(
        "create or replace table marts.categories as select 'home' as category_key, true as"
        " is_known"
    )
    for relation, rows in BEHIND.items():
        run(f"create or replace table {relation} as {rows}")
    LAKE.project.table("observability/data_quality")


def counted(subject: str) -> dict[tuple[str, str | None], int]:
    rows = LAKE.connection.execute(
        f"select source, name, counted from observability.data_quality where subject = '{subject}'"
    ).fetchall()
    return {(source, name): count for source, name, count in rows}


def unbalanced() -> list[Any]:
    sql = LAKE.project.call("unbalanced_counts", "observability.data_quality")
    return LAKE.connection.execute(sql).fetchall()


def test_changed_amounts_and_corrected_times_are_counted() -> None:
    order = GOOD["orders"]
    event = GOOD["events"]
    build(
        {
            "orders": [order, {**order, "order_id": "o2", "status": "refunded", "refunded": "-4"}],
            "events": [event, {**event, "messageId": "m2", "receivedAt": "2025-12-31T00:00:00Z"}],
        }
    )
    assert counted("amounts_marked") == {
        ("orders", "negative_refund"): 1,
        ("orders", "refund_below_total"): 1,
    }
    assert counted("times_by_basis") == {("events", "received"): 1}


def test_what_is_cleared_unread_or_unknown_is_counted_by_name() -> None:
    contact = GOOD["crm_contacts"]
    event = GOOD["events"]
    build(
        {
            "crm_contacts": [
                {**contact, "birth_date": "0000-00-00", "household_size": 0, "Nick": "x"},
                {**contact, "contact_id": "k2", "birth_date": "1900-01-01"},
                {**contact, "contact_id": "k3", "birth_date": "1999-09-09", "country": "Atlantis"},
                {**contact, "contact_id": ""},
            ],
            "events": [
                {**event, "messageId": f"m{n}", "properties": {"category": name}}
                for n, name in enumerate(["home", "Home ", "Attic", "attic"])
            ],
        }
    )
    assert counted("values_cleared") == {
        ("crm_contacts", "birth_date: placeholder"): 2,
        ("crm_contacts", "household_size: out_of_range"): 1,
        ("crm_contacts", "country: unknown_value"): 1,
    }
    assert counted("columns_unread") == {("crm_contacts", "Nick"): 1}
    assert counted("categories_unknown") == {("events", "category"): 2}
    assert counted("records_quarantined_by_reason") == {("crm_contacts", "missing_id"): 1}
    assert counted("values_landed")["crm_contacts", "birth_date"] == 3
    assert counted("values_accepted")["crm_contacts", "birth_date"] == 1
    assert counted("values_empty")["crm_contacts", "country"] == 2
    assert not unbalanced()


def test_the_balance_is_kept_whatever_lands_and_is_broken_by_one_lost_value() -> None:
    build({source: [record for _, _, record in poison.bad(source)] for source in poison.SOURCES})
    assert not unbalanced()
    LAKE.connection.execute(
        "update observability.data_quality set counted = counted - 1"
        " where subject = 'values_accepted' and source = 'orders' and name = 'shipping'"
    )
    assert [row[:3] for row in unbalanced()] == [("orders", "b", "shipping")]


def test_what_identity_and_marts_made_is_counted_by_kind() -> None:
    build({})
    assert counted("refusals_unmatched") == {("consents", "email"): 1, ("consents", "phone"): 1}
    assert counted("amounts_unconverted") == {("products", "SEK: unknown_rate"): 3}
    assert counted("identifiers_refused") == {("orders", "user_id: placeholder"): 9}
    assert counted("crawler_events") == {("events", "excluded"): 1, ("events", "flagged"): 1}
    assert counted("crawler_people") == {("events", "excluded"): 1}


def test_values_of_items_are_counted_as_those_of_orders() -> None:
    item = {"product_id": "p", "category": "Home", "quantity": 1, "unit_price": 5}
    items = [
        item,
        {**item, "quantity": "NaN", "category": "Loft"},
        {**item, "product_id": {}, "unit_price": "1e99"},
    ]
    build({"orders": [{**GOOD["orders"], "items": json.dumps(items)}]})
    assert counted("values_cleared") == {
        ("orders", "items.product_id: invalid_value"): 1,
        ("orders", "items.quantity: placeholder"): 1,
        ("orders", "items.unit_price: out_of_range"): 1,
    }
    assert counted("values_landed")["orders", "items.quantity"] == 3
    assert counted("values_empty")["orders", "items.unit_cost"] == 3
    assert counted("categories_unknown") == {("orders", "category"): 1}
    assert not unbalanced()


def test_event_names_of_the_spec_are_known_in_any_spelling_and_others_are_counted() -> None:
    spellings = {
        "Order Completed": "Order Completed", "order completed": "Order Completed",
        "Order  Completed": "Order Completed",
        "ORDER_COMPLETED": "Order Completed", "orderCompleted": "Order Completed",
        "order-completed": "Order Completed",
        "Completed Order": "Order Completed", "Sofa Tested": "Sofa Tested",
        "ann@shop.test": "ann@shop.test",
    }  # fmt: skip
    build(
        {
            "events": [
                {**GOOD["events"], "messageId": f"n{n}", "event": name}
                for n, name in enumerate(spellings)
            ]
        }
    )
    found = LAKE.connection.execute(
        "select event from staging.base_events order by _line"
    ).fetchall()
    assert [name for (name,) in found] == list(spellings.values())
    assert counted("event_names_unknown") == {
        ("events", "Sofa Tested"): 1,
        ("events", "(other)"): 1,
    }


def test_the_reference_has_each_subject_of_the_model() -> None:
    columns = yaml.safe_load((PROJECT / "models/observability/data_quality.yml").read_text())[
        "models"
    ][0]["columns"]
    (subjects,) = (column["data_tests"][0] for column in columns if column["name"] == "subject")
    page = (ROOT / "docs/reference/data-quality.md").read_text()
    listed = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert listed == subjects["accepted_values"]["arguments"]["values"]


@pytest.mark.parametrize("source", poison.SOURCES)
def test_no_odd_value_of_any_column_fails_or_goes_without_a_count(source: str) -> None:
    cases = list(poison.bad(source))
    rows = LAKE.judged(source, [poison.good(source, 1), *(record for _, _, record in cases)])
    assert len(rows) == len(cases) + 1
    assert (rows[0]["outcome"], rows[0]["cleared"]) == ("accepted", None)
    for (field, value, _), row in zip(cases, rows[1:], strict=True):
        if row["outcome"] == "accepted":
            fields = fields_of(row)
            assert len(fields) == len(set(fields)), (field, value)
            assert set(fields) == set(fields_of(rows[0])), (field, value)
        else:
            assert row["reason"], (field, value)
