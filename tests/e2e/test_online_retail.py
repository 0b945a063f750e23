"""The whole UCI Online Retail file through every stage, held to figures computed straight from the file."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tests.conftest import shared_data
from tests.e2e._job import Installation

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("online_retail")]


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
        connection.execute(f"create view lines as select * from read_csv('{file}', all_varchar = true)")
        connection.execute(
            """create view sales as select *, Quantity::bigint * UnitPrice::decimal(18, 3) as amount from lines
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
        "select count(distinct CustomerID), count(distinct InvoiceNo), sum(amount)::double from sales",
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


def test_it_reaches_memberships_models_and_an_outbox(shop: Installation) -> None:
    assert shop.value("select count(distinct segment) from segments.segment_memberships") >= 3
    assert shop.value("select count(*) from ml.scores where model = 'churn'") > 0
    rows = shop.query("select sync, status from activation.sync_runs")
    assert any(row["status"] == "succeeded" for row in rows), rows
    assert [path for path in (shop.home / "outbox").rglob("*") if path.is_file()]


def test_a_second_load_and_run_change_nothing(shop: Installation, file: Path) -> None:
    before = fingerprint(shop)
    shop.call("load", "online_retail", str(file))
    shop.call("run", "--no-airflow")
    assert fingerprint(shop) == before


def fingerprint(shop: Installation) -> list[object]:
    """What may not change: landed rows, memberships, their history, and what destinations were sent."""
    return [
        shop.value("select count(*) from raw.online_retail"),
        shop.query(
            "select segment, count(*) as n, min(entered_at) as f, max(entered_at) as l"
            " from segments.segment_memberships group by segment order by segment"
        ),
        shop.value("select count(*) from segments.membership_history"),
        shop.value("select count(*) from activation.sync_changelog"),
    ]
