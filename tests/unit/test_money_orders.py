"""Money of orders from raw records to features, by the project's SQL on a plain DuckDB."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest
from babel.numbers import list_currencies
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from expectations.suites import features as suite
from tests.dbt_sql import Project

CLOCK = datetime(2026, 6, 10)
SCHEMAS = ("observability", "raw", "staging", "identity", "marts", "features")
FOLDERS = ("identity", "portable", "staging", "marts", "features")
RAW = (
    "(_source varchar, _file varchar, _line bigint, _loaded_at timestamp, _batch_id varchar,"
    " _raw varchar, _problem varchar)"
)
MAPPING = (
    "create table identity.identifier_mapping as select 'user_id' as identifier_type,"
    " 'u' || n as identifier, 'p' || n as profile_id, timestamp '2023-01-01' as first_seen_at"
    " from range(10) as people (n)"
)


class Shop:
    """Orders of people u0 to u9, built from raw records to features__orders."""

    def __init__(self) -> None:
        self.lake = duckdb.connect(":memory:")
        self.run = self.lake.execute
        self.run("set TimeZone = 'UTC'")
        for schema in SCHEMAS:
            self.run(f"create schema {schema}")
        self.run(f"create table observability.clock as select timestamp '{CLOCK}' as as_of")
        self.run(MAPPING)
        self.project = Project(self.lake, FOLDERS)
        self.project.variables["spine_days"] = [0]
        self.policy()
        for source in ("orders", "online_retail", "products", "exchange_rates"):
            self.run(f"create table raw.{source} {RAW}")
        self.run("create table staging.stg_events__events (category varchar, event_at timestamp)")
        self.run("create table marts.crawler_profiles (profile_id varchar)")
        self.run("create table marts.restricted_profiles (profile_id varchar)")
        self.run(
            "create table marts.events (event_id varchar, profile_id varchar, event varchar,"
            " event_at timestamp, product_id varchar, category varchar)"
        )

    def policy(self, currency: str = "EUR", days: int = 7) -> None:
        """The part of policies.yml on money."""
        self.run(
            f"create or replace table observability.money_policy as select '{currency}' as"
            f" reporting_currency, '{currency}' as default_currency, {days} as max_rate_age_days,"
            " 10000000 as max_order_total"
        )

    def rates(self, *days: dict[str, str], batch: int = 1) -> None:
        """Land days of rates as the ECB writes them."""
        for line, day in enumerate(days, start=1):
            values = ["exchange_rates", "f", line, CLOCK, f"r{batch}", json.dumps(day)]
            self.run("insert into raw.exchange_rates values (?, ?, ?, ?, ?, ?, null)", values)

    def land(self, records: Iterable[dict[str, Any]], batch: int = 1) -> None:
        """Land one file of orders; a record is what differs from a plain order of 100 EUR."""
        at = CLOCK - timedelta(hours=10) + timedelta(minutes=batch)
        for line, record in enumerate(records, start=1):
            values = ["orders", "f", line, at, f"b{batch}", json.dumps(order(**record))]
            self.run("insert into raw.orders values (?, ?, ?, ?, ?, ?, null)", values)

    def build(self) -> None:
        """Everything from staging to features of orders and categories."""
        for model in [
            "staging/base_orders",
            "staging/base_exchange_rates",
            "staging/base_online_retail",
            "staging/base_products",
            "staging/stg_orders__orders",
            "staging/stg_orders__order_items",
            "staging/stg_online_retail__lines",
            "staging/stg_online_retail__orders",
            "staging/stg_online_retail__order_items",
            "staging/stg_products__products",
            "staging/stg_exchange_rates__rates",
            "staging/reporting_currency",
            "staging/currency_rates",
            "staging/order_rates",
            "staging/held_records",
            "marts/categories",
            "marts/order_profiles",
            "marts/orders",
            "marts/order_items",
            "marts/products",
            "features/spine",
            "features/order_facts",
            "features/category_days",
            "features/features__orders",
            "features/features__categories",
        ]:
            self.project.table(model)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.run(sql).fetchall()


def order(**record: Any) -> dict[str, Any]:
    """A completed order of 100 EUR of 1 May, with the given fields in place of these."""
    at = "2026-05-01T10:00:00Z"
    plain = {
        "order_id": "o1",
        "ordered_at": at,
        "updated_at": at,
        "status": "completed",
        "user_id": "u1",
        "currency": "EUR",
        "total": "100",
    }
    return {**plain, **record}


def test_net_revenue_is_right_to_the_cent_however_a_refund_is_written() -> None:
    shop = Shop()
    later = "2026-05-02T10:00:00Z"
    shop.land(
        [
            {"order_id": "status_alone", "status": "refunded", "total": "79.95"},
            {"order_id": "zero", "status": "refunded", "total": "79.95", "refunded": "0.00"},
            {"order_id": "negative", "status": "partially_refunded", "refunded": "-12.34"},
            {"order_id": "above", "status": "refunded", "refunded": "108.90"},
            {"order_id": "cancelled", "status": "cancelled"},
            {"order_id": "same_second"},
            {"order_id": "same_second", "status": "refunded", "refunded": "100"},
            # The refund lands before the order it is of.
            {"order_id": "before", "status": "refunded", "refunded": "100", "updated_at": later},
            {"order_id": "before"},
            {
                "order_id": "twice",
                "status": "partially_refunded",
                "refunded": "10",
                "updated_at": later,
            },
            {
                "order_id": "twice",
                "status": "partially_refunded",
                "refunded": "30",
                "updated_at": "2026-05-03T10:00:00Z",
            },
        ]
    )
    shop.build()
    found = {
        row[0]: float(row[1]) for row in shop.rows("select order_id, net_revenue from marts.orders")
    }
    assert found == {
        "status_alone": 0,
        "zero": 0,
        "negative": 87.66,
        "above": 0,
        "cancelled": 0,
        "same_second": 0,
        "before": 0,
        "twice": 70,
    }
    assert shop.rows(
        "select revenue_lifetime from features.features__orders where profile_id = 'p1'"
    ) == [(157.66,)]


def test_a_state_of_the_same_time_that_landed_later_is_the_newer_in_any_file() -> None:
    shop = Shop()
    shop.land([{"status": "partially_refunded", "refunded": "40"}], batch=1)
    shop.land([{"status": "partially_refunded", "refunded": "55"}], batch=2)
    shop.land([{"status": "partially_refunded", "refunded": "40"}], batch=3)
    shop.build()
    assert shop.rows("select outcome from staging.base_orders order by _batch_id") == [
        ("accepted",),
        ("accepted",),
        ("duplicate",),
    ]
    assert shop.rows("select net_revenue::double from marts.orders") == [(45.0,)]


def test_a_record_that_cannot_be_true_is_quarantined_and_nobody_else_suffers() -> None:
    shop = Shop()
    shop.land(
        [
            {"order_id": "good", "user_id": "u2"},
            {"order_id": "below", "total": "-20"},
            {"order_id": "part", "status": "partially_refunded"},
            {"order_id": "list", "items": {"product_id": "p"}},
            {"order_id": "coin", "currency": "DOUBLOON"},
            {"order_id": "huge", "total": "1e16"},
            {"order_id": "large", "total": "10000000.01"},
        ]
    )
    shop.build()
    assert shop.rows("select order_id from marts.orders") == [("good",)]
    reasons = shop.rows(
        "select order_id, reason, detail from staging.base_orders where reason is not null"
    )
    assert sorted(reasons) == [
        ("below", "negative_amount", "total"),
        ("coin", "unknown_value", "currency"),
        ("huge", "out_of_range", "total"),
        ("list", "invalid_value", "items"),
        ("part", "missing_field", "refunded"),
    ]
    rejected = shop.rows(
        "select record_id, reason, detail, _raw like '%large%' from staging.held_records"
    )
    assert rejected == [("b1:7", "absurd_amount", "total", True)]


def orders_in(shop: Shop) -> dict[str, tuple[Any, ...]]:
    """Order id to currency, total and net revenue as they count."""
    shop.build()
    found = shop.rows(
        "select order_id, currency, round(total, 2)::double, round(net_revenue, 2)::double from"
        " marts.orders"
    )
    return {row[0]: row[1:] for row in found}


def test_amounts_of_other_currencies_are_converted_or_wait_and_are_never_added() -> None:
    shop = Shop()
    shop.land(
        [
            {"order_id": "euro", "total": "40"},
            {"order_id": "bare", "currency": None, "total": "7"},
            {"order_id": "won", "currency": "KRW", "total": "90000", "user_id": "u2"},
            {"order_id": "dinar", "currency": "kwd ", "total": "12.345", "user_id": "u2"},
        ]
    )
    assert orders_in(shop) == {"euro": ("EUR", 40, 40), "bare": ("EUR", 7, 7)}
    assert shop.rows(
        "select revenue_lifetime from features.features__orders where profile_id = 'p2'"
    ) == [(0.0,)]
    reasons = shop.rows("select _line, reason, detail from staging.held_records order by _line")
    assert reasons == [(3, "unknown_rate", "currency"), (4, "unknown_rate", "currency")]
    # 1 May 2026 is a holiday: the rate of the day before counts. Of the layout of the day, later
    # rates and N/A, too.
    shop.rates({"Date": "2026-04-30", "USD": "1.1", "KRW": "1500.0", "KWD": "N/A", "": ""})
    assert orders_in(shop)["won"] == ("EUR", 60, 60)
    assert shop.rows(
        "select original_currency, original_total::double from marts.orders where order_id = 'won'"
    ) == [("KRW", 90000.0)]
    assert [row[0] for row in shop.rows("select _line from staging.held_records")] == [4]
    shop.rates(
        {"Date": "24 April 2026", "KWD": " 0.33"}, {"Date": "04 May 2026", "KWD": "0.5"}, batch=2
    )
    assert orders_in(shop)["dinar"] == ("EUR", 37.41, 37.41)
    assert shop.rows("select record_id from staging.held_records") == []
    shop.policy(days=6)
    assert "dinar" not in orders_in(shop)


def test_any_currency_may_be_the_reporting_one() -> None:
    shop = Shop()
    shop.policy("USD")
    shop.land(
        [
            {"order_id": "euro", "total": "10", "status": "partially_refunded", "refunded": "4"},
            {"order_id": "yen", "currency": "JPY", "total": "330"},
            {"order_id": "bare", "currency": None, "total": "7"},
        ]
    )
    shop.rates({"Date": "2026-05-01", "USD": "1.1", "JPY": "165"})
    assert orders_in(shop) == {
        "euro": ("USD", 11, 6.6),
        "yen": ("USD", 2.2, 2.2),
        "bare": ("USD", 7, 7),
    }


def test_a_shop_of_one_other_currency_needs_no_rate() -> None:
    shop = Shop()
    shop.land([{"order_id": f"o{number}", "currency": "SEK"} for number in range(100)])
    assert set(orders_in(shop).values()) == {("SEK", 100.0, 100.0)}
    shop.land([{"order_id": "stray"}], batch=2)
    assert "stray" not in orders_in(shop)
    assert shop.rows("select count(*) from marts.orders where currency = 'SEK'") == [(100,)]


AMOUNTS = st.sampled_from(
    ["0", "0.01", "-0.01", "10", "100", "100.005", "-110", "110", "9e13", "1e99", "", "NaN", "x"]
)
ITEMS = st.lists(
    st.fixed_dictionaries(
        {
            "product_id": st.just("p"),
            "category": st.sampled_from(["Books", "Toys"]),
            "quantity": AMOUNTS,
            "unit_price": AMOUNTS,
            "unit_cost": AMOUNTS,
        }
    ),
    max_size=2,
)
RECORDS = st.fixed_dictionaries(
    {
        "order_id": st.sampled_from(["a", "b", "c"]),
        "user_id": st.sampled_from(["u1", "u2"]),
        "status": st.sampled_from(["completed", "cancelled", "refunded", "partially_refunded"]),
        "subtotal": AMOUNTS,
        "discount": AMOUNTS,
        "shipping": AMOUNTS,
        "tax": AMOUNTS,
        "total": AMOUNTS,
        "refunded": AMOUNTS,
        "items": ITEMS | st.sampled_from(["", "{}", "[1]"]),
    }
)
HOSTILE = Shop()


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(records=st.lists(RECORDS, max_size=8))
def test_every_accepted_order_keeps_the_features_within_their_bounds(
    records: list[dict[str, Any]],
) -> None:
    HOSTILE.run("delete from raw.orders")
    HOSTILE.land(records)
    HOSTILE.build()
    assert (
        HOSTILE.rows("select order_id from marts.orders where net_revenue not between 0 and total")
        == []
    )
    for table in ("features__orders", "features__categories"):
        columns = {name: kind for name, kind, *_ in HOSTILE.rows(f"describe features.{table}")}
        faults = " or ".join(suite._faults(columns))
        assert HOSTILE.rows(f"select profile_id from features.{table} where {faults}") == [], table


def test_the_codes_of_currencies_are_those_of_the_library() -> None:
    shipped = {code.strip(" '\n") for code in Shop().project.call("currency_codes").split(",")}
    assert {"EUR", "JPY", "KWD", "DEM"} <= shipped <= set(list_currencies())
    left_out = set(list_currencies()) - shipped
    assert all(code.startswith("X") for code in left_out), left_out
