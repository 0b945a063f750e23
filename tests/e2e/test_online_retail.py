"""The whole UCI Online Retail file through every stage, compared with figures computed directly
from the file.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import pytest

from tests.conftest import shared_data
from tests.e2e._job import Installation

pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module")
def file() -> Path:
    return shared_data("online_retail") / "online_retail.csv.gz"


@pytest.fixture(scope="module")
def shop(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    installation = Installation(tmp_path_factory.mktemp("online_retail") / "home")
    installation.call("load", "online_retail", str(file))
    installation.call("run", "--no-airflow")
    return installation


def straight(file: Path, sql: str) -> tuple[object, ...]:
    """One row of figures from the file itself."""
    with duckdb.connect() as connection:
        connection.execute(
            f"create view lines as select * from read_csv('{file}', all_varchar = true)"
        )
        connection.execute(
            """create view sales as select *,
                Quantity::bigint * UnitPrice::decimal(18, 3) as amount from lines
            where CustomerID is not null and InvoiceNo not like 'C%'
              and Quantity::bigint > 0 and UnitPrice::decimal(18, 3) > 0"""
        )
        row = connection.execute(sql).fetchone()
    assert row is not None
    return row


def test_every_line_is_accounted_for(shop: Installation, file: Path) -> None:
    (lines,) = straight(file, "select count(*) from lines")
    assert shop.value("select count(*) from raw.online_retail") == lines
    (balance,) = shop.query(
        """select sum(landed)::bigint as landed, sum(accepted)::bigint as accepted,
        sum(quarantined)::bigint as quarantined, sum(duplicates)::bigint as duplicates
        from staging.landing_balance where source = 'online_retail'"""
    )
    print(balance)
    assert balance["landed"] == lines
    assert balance["landed"] == balance["accepted"] + balance["quarantined"] + balance["duplicates"]


def test_customers_orders_and_revenue_equal_the_file(shop: Installation, file: Path) -> None:
    customers, orders, revenue = straight(
        file,
        "select count(distinct CustomerID), count(distinct InvoiceNo), sum(amount)::double from"
        " sales",
    )
    (found,) = shop.query(
        """select count(distinct profile_id) as customers, count(distinct order_id) as orders,
        round(sum(amount), 2)::double as revenue
        from marts.order_items
        where profile_id is not null and quantity > 0 and unit_price > 0"""
    )
    print(customers, orders, revenue, found)
    assert (found["customers"], found["orders"]) == (customers, orders)
    assert found["revenue"] == pytest.approx(revenue, abs=0.01)


def test_rfm_equals_pandas_for_every_customer(shop: Installation, file: Path) -> None:
    as_of = shop.value("select as_of from observability.clock")
    found = pd.DataFrame(
        shop.query(
            """select mapping.identifier as customer, days_since_last_order as recency,
                orders_lifetime as frequency,
            revenue_lifetime as monetary, rfm_recency_score as r, rfm_frequency_score as f,
                rfm_monetary_score as m
            from features.features__orders as features
            inner join features.spine using (profile_id, as_of)
            inner join identity.identifier_mapping as mapping using (profile_id)
            where is_current and mapping.identifier like 'online_retail:%'"""
        )
    ).set_index("customer")
    wanted = rfm(file, pd.Timestamp(as_of).tz_convert("UTC").tz_localize(None))
    print(f"{len(wanted)} customers, {int((wanted.frequency > 0).sum())} of them buyers")
    assert sorted(found.index) == sorted(wanted.index)
    pd.testing.assert_frame_equal(
        found.astype(float).sort_index(),
        wanted.astype(float).sort_index(),
        check_names=False,
        rtol=0,
        atol=0.005,
    )


def rfm(file: Path, as_of: pd.Timestamp) -> pd.DataFrame:
    """Recency, frequency, money and their fifths, from the file by pandas alone."""
    lines = pd.read_csv(file, dtype={"CustomerID": str, "InvoiceNo": str, "StockCode": str})
    lines = lines[lines.CustomerID.notna() & ~lines.StockCode.str.upper().str.startswith("TEST")]
    lines["customer"] = "online_retail:" + lines.CustomerID.str.removesuffix(".0")
    lines["amount"] = lines.Quantity * lines.UnitPrice
    returned = lines[lines.InvoiceNo.str.startswith("C")]
    sales = lines[~lines.InvoiceNo.str.match("[CA]") & (lines.Quantity > 0) & (lines.UnitPrice > 0)]
    placed = pd.to_datetime(sales.InvoiceDate).groupby([sales.customer, sales.InvoiceNo]).min()
    last = placed.groupby("customer").max()
    table = pd.DataFrame({"recency": (as_of - last - pd.Timedelta("1us")) // pd.Timedelta("1D")})
    table["frequency"] = placed.groupby("customer").size()
    places = {
        "r": table.recency.rank(method="min", ascending=False),
        "f": table.frequency.rank(method="min"),
    }
    all_customers = sorted(set(sales.customer) | set(returned.customer))
    money = pd.concat([sales, returned]).groupby("customer").amount.sum()
    places["m"] = money[table.index].round(6).rank(method="min")
    for name, place in places.items():
        table[name] = 1 + 5 * (place - 1) // len(table)
    table.insert(2, "monetary", money)
    table = table.reindex(all_customers)
    table["monetary"] = money
    return table.fillna({"frequency": 0, "r": 0, "f": 0, "m": 0})


def test_it_reaches_memberships_models_and_an_outbox(shop: Installation) -> None:
    assert shop.value("select count(distinct segment) from segments.segment_memberships") >= 3
    assert shop.value("select count(*) from ml.scores where model = 'churn'") > 0
    rows = shop.query("select sync, status from activation.sync_runs")
    assert any(row["status"] == "done" for row in rows), rows
    assert [path for path in (shop.home / "outbox").rglob("*") if path.is_file()]


def test_a_second_load_and_run_change_nothing(shop: Installation, file: Path) -> None:
    before = fingerprint(shop)
    shop.call("load", "online_retail", str(file))
    shop.call("run", "--no-airflow")
    assert fingerprint(shop) == before


def fingerprint(shop: Installation) -> list[object]:
    """What may not change: landed rows, memberships, their history, and what destinations were
    sent.
    """
    return [
        shop.value("select count(*) from raw.online_retail"),
        shop.query(
            "select segment, count(*) as n, min(entered_at) as f, max(entered_at) as l"
            " from segments.segment_memberships group by segment order by segment"
        ),
        shop.value("select count(*) from segments.membership_history"),
        shop.value("select count(*) from activation.sync_changelog"),
    ]
