"""Nothing is dropped without a count: observability.data_quality by the project's SQL on a plain DuckDB."""

from __future__ import annotations

from typing import Any

import pytest

from tests import poison
from tests.staging_lake import GOOD, StagingLake

LAKE = StagingLake(("staging", "portable", "observability"))


def build(records: dict[str, list[Any]]) -> None:
    """staging from these records, and the model on top of it; categories are what the catalogue has."""
    run = LAKE.connection.execute
    run("create schema if not exists observability; create schema if not exists marts")
    run(
        "create or replace table staging.held_records (_source varchar, _file varchar, _line bigint,"
        " _batch_id varchar, _loaded_at timestamp, _raw varchar, record_id varchar, reason varchar, detail varchar)"
    )
    for source in [*GOOD, "exchange_rates"]:
        LAKE.land(source, records.get(source, []))
        LAKE.project.table(f"staging/base_{source}")
    # Records held back by a judgement of several records: none here.
    run(
        "create or replace table staging.held_records as select _source, _file, _line, _batch_id, _loaded_at, _raw,"
        " record_id, reason, detail from staging.base_orders where false"
    )
    for model in ("landing_balance", "quarantine", "stg_events__events"):
        LAKE.project.table(f"staging/{model}")
    run("create or replace table marts.categories as select 'home' as category_key, true as is_known")
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
    order, event = GOOD["orders"], GOOD["events"]
    build(
        {
            "orders": [order, {**order, "order_id": "o2", "status": "refunded", "refunded": "-4"}],
            "events": [event, {**event, "messageId": "m2", "receivedAt": "2025-12-31T00:00:00Z"}],
        }
    )
    assert counted("amounts_marked") == {("orders", "negative_refund"): 1, ("orders", "refund_below_total"): 1}
    assert counted("times_by_basis") == {("events", "received"): 1}


def test_what_is_cleared_unread_or_unknown_is_counted_by_name() -> None:
    contact, event = GOOD["crm_contacts"], GOOD["events"]
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
    assert counted("values_landed")["crm_contacts", None] == 5
    assert counted("values_accepted")["crm_contacts", None] == 1
    assert not unbalanced()


def test_the_balance_is_kept_whatever_lands_and_is_broken_by_one_lost_value() -> None:
    build({source: [record for _, _, record in poison.bad(source)] for source in poison.SOURCES})
    assert not unbalanced()
    LAKE.connection.execute(
        "update observability.data_quality set counted = counted - 1"
        " where subject = 'values_accepted' and source = 'orders'"
    )
    assert unbalanced()


@pytest.mark.parametrize("source", poison.SOURCES)
def test_no_odd_value_of_any_column_fails_or_goes_without_a_count(source: str) -> None:
    cases = list(poison.bad(source))
    rows = LAKE.judged(source, [poison.good(source, 1), *(record for _, _, record in cases)])
    assert len(rows) == len(cases) + 1
    assert (rows[0]["outcome"], rows[0]["cleared"]) == ("accepted", None)
    for (field, value, _), row in zip(cases, rows[1:], strict=True):
        if row["outcome"] == "accepted":
            lost = row["values_landed"] - row["values_accepted"]
            assert lost == len([name for name in (row["cleared"] or "").split(", ") if name]), (field, value)
        else:
            assert row["reason"], (field, value)
