"""Worked examples of windows, visits, interests and habits on hand-made facts, with a time on both
sides of each edge.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest

from tests.dbt_sql import Project

CLOCK = datetime(2026, 6, 10)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
INSTANT = timedelta(microseconds=1)
SESSION = (
    "session_id varchar, profile_id varchar, started_at timestamp, ended_at timestamp, carts"
    " bigint,"
)
PLACES = (
    "os_name", "browser_name", "country", "region", "city", "utm_source", "utm_medium",
    "utm_campaign", "referrer",
)  # fmt: skip


@pytest.fixture(scope="module")
def project() -> Project:
    """Empty facts of one person, Ann, known for three years."""
    lake = duckdb.connect(":memory:")
    for schema in ("observability", "staging", "identity", "marts", "features"):
        lake.execute(f"create schema {schema}")
    lake.execute(f"create table observability.clock as select timestamp '{CLOCK}' as as_of")
    lake.execute(
        "create table identity.identifier_mapping as"
        " select 'cookie' as identifier_type, 'c' as identifier, 'ann' as profile_id,"
        " timestamp '2023-01-01' as first_seen_at"
    )
    lake.execute(
        "create table marts.events (event_id varchar, profile_id varchar, type varchar, event"
        " varchar, event_at timestamp, page_name varchar, product_id varchar, category varchar)"
    )
    lake.execute(
        f"create table marts.sessions ({SESSION} orders bigint, dwell_seconds bigint, device_type"
        f" varchar, timezone varchar, {', '.join(f'{name} varchar' for name in PLACES)})"
    )
    lake.execute(
        "create table marts.orders (order_id varchar, is_cancelled boolean, ordered_at timestamp,"
        " updated_at timestamp)"
    )
    lake.execute(
        "create table marts.order_items (order_id varchar, profile_id varchar, ordered_at"
        " timestamp, product_id varchar, category varchar, quantity bigint, amount double)"
    )
    lake.execute(
        "create table marts.products (product_id varchar, category varchar, is_luxury boolean)"
    )
    lake.execute("create table marts.categories (category_key varchar, category varchar)")
    lake.execute("create table marts.crawler_profiles (profile_id varchar)")
    lake.execute("create table marts.restricted_profiles (profile_id varchar)")
    made = Project(lake, ("identity", "portable", "marts", "features"))
    made.variables["spine_days"] = [0]
    made.table("features/spine")
    return made


def put(project: Project, table: str, rows: Iterable[dict[str, Any]]) -> None:
    project.connection.execute(f"delete from marts.{table}")
    for row in rows:
        marks = ", ".join(f"? as {name}" for name in row)
        project.connection.execute(
            f"insert into marts.{table} by name select {marks}", list(row.values())
        )


def features(project: Project, *models: str) -> dict[str, Any]:
    """Build these models and give the one row of the last."""
    for model in models:
        project.table(f"features/{model}")
    found = project.connection.execute(f"select * from features.{models[-1]}")
    (row,) = found.fetchall()
    return dict(zip([column[0] for column in found.description], row, strict=True))


def event(at: datetime, name: str = "Product Viewed", **more: Any) -> dict[str, Any]:
    return {
        "event_id": f"{at} {name}",
        "profile_id": "ann",
        "type": "track",
        "event": name,
        "event_at": at,
        **more,
    }


@pytest.mark.parametrize("days", [1, 7, 30, 90, 365])
def test_a_window_begins_exactly_its_days_ago_and_ends_before_the_clock(
    project: Project, days: int
) -> None:
    put(project, "sessions", [])
    times = [CLOCK - days * DAY, CLOCK - days * DAY - INSTANT, CLOCK - INSTANT, CLOCK]
    put(project, "events", [event(at) for at in times])
    row = features(project, "activity_days", "features__behaviour")
    assert row[f"product_views_{days}d"] == 2, (
        "the oldest time of the window and the last before the clock"
    )
    assert row["product_views_lifetime"] == 3, "an event at the clock has not happened yet"
    assert (row["last_event_at"], row["days_since_last_event"]) == (CLOCK - INSTANT, 0)


@pytest.mark.parametrize(
    ("pause", "visits"), [(timedelta(minutes=30), 1), (timedelta(minutes=30, seconds=1), 2)]
)
def test_a_pause_of_thirty_minutes_is_one_visit_and_a_second_more_two(
    project: Project, pause: timedelta, visits: int
) -> None:
    texts = (
        "user_id device_id brand price quantity order_id revenue search_query properties"
        " tracker_session_id"
        " device_type timezone"
    )
    run = project.connection.execute
    columns = (
        "event_id, type, event, event_at, page_name, product_id, category, 'c' as anonymous_id"
    )
    put(project, "events", [event(CLOCK - DAY), event(CLOCK - DAY + pause)])
    run(
        f"create or replace table staging.stg_events__events as select {columns}, "
        + ", ".join(f"null::varchar as {name}" for name in [*texts.split(), *PLACES])
        + " from marts.events"
    )
    run(
        "create or replace table marts.event_profiles as"
        " select event_id, 'ann' as profile_id, false as is_bot from marts.events"
    )
    found = run(
        f"select count(distinct session_id) from ({project.render('marts/events')})"
    ).fetchone()
    assert found == (visits,)


@pytest.mark.parametrize(
    ("views", "oldest", "counted"), [(4, 90 * DAY, 4), (4, 90 * DAY + INSTANT, 3), (3, 90 * DAY, 3)]
)
def test_interest_is_counted_over_ninety_days_and_a_purchase_ends_it_for_good(
    project: Project, views: int, oldest: timedelta, counted: int
) -> None:
    times = [CLOCK - oldest, *(CLOCK - n * DAY for n in range(1, views))]
    put(project, "events", [event(at, category="Books") for at in times])
    put(project, "order_items", [])
    row = features(project, "category_days", "features__categories")
    assert (row["views_books_90d"], row["items_books_lifetime"]) == (counted, 0)
    assert row["top_viewed_category_90d"] == "Books"
    bought = {
        "order_id": "o",
        "profile_id": "ann",
        "category": "Books",
        "quantity": 1,
        "amount": 9.0,
    }
    put(project, "orders", [{"order_id": "o", "is_cancelled": False}])
    put(project, "order_items", [{**bought, "ordered_at": CLOCK - 700 * DAY}])
    assert features(project, "category_days", "features__categories")["items_books_lifetime"] == 1
    put(project, "order_items", [{**bought, "ordered_at": CLOCK}])
    assert features(project, "category_days", "features__categories")["items_books_lifetime"] == 0


def visit(number: int, at: datetime, **more: Any) -> dict[str, Any]:
    return {
        "session_id": f"s{number}", "profile_id": "ann", "started_at": at, "ended_at": at,
        "timezone": "Europe/Berlin",
        **more,
    }  # fmt: skip


def test_evening_is_that_of_the_person_and_a_tie_goes_to_what_sorts_first(project: Project) -> None:
    # Berlin has summer time in June: 18:00 there is 16:00 UTC.
    evening = CLOCK - DAY + timedelta(hours=16)
    mobile = {"device_type": "mobile", "country": "DE"}
    put(
        project,
        "sessions",
        [
            visit(1, evening, **mobile),
            visit(2, evening - SECOND, **mobile),
            visit(3, evening, device_type="desktop", country="AT"),
            visit(4, evening, device_type="desktop", country="AT"),
            # A visit too old for the share, and one that has not happened yet.
            visit(5, CLOCK - 90 * DAY - INSTANT, **mobile),
            visit(6, CLOCK, **mobile),
        ],
    )
    row = features(project, "session_contexts", "features__context")
    assert row["evening_session_share_90d"] == 0.75
    assert row["evening_mobile_session_share_90d"] == 0.25
    assert row["mobile_session_share_90d"] == 0.5
    assert row["usual_device_type"] == "mobile", "three visits of the last year against two"
    put(project, "sessions", [visit(1, evening, country="DE"), visit(2, evening, country="AT")])
    assert features(project, "session_contexts", "features__context")["usual_country"] == "AT"


def test_nothing_known_is_none_in_counts_and_unknown_in_shares(project: Project) -> None:
    for table in ("events", "sessions", "order_items"):
        put(project, table, [])
    row = features(project, "activity_days", "features__behaviour")
    assert (row["sessions_365d"], row["active_days_lifetime"]) == (0, 0)
    assert {row["last_event_at"], row["sessions_trend_30d"], row["cart_abandonment_rate_90d"]} == {
        None
    }
    row = features(project, "session_contexts", "features__context")
    assert {row["usual_country"], row["evening_mobile_session_share_90d"]} == {None}
    row = features(project, "category_days", "features__categories")
    assert (
        row["views_books_90d"],
        row["top_viewed_category_90d"],
        row["luxury_revenue_share"],
    ) == (0, None, None)


def test_spellings_of_a_category_are_counted_as_one(project: Project) -> None:
    spellings = ["sports", "SPORTS", "Sports ", "Camping  Gear", "camping gear"]
    put(
        project,
        "events",
        [event(CLOCK - DAY, product_id=None, category=name) for name in spellings],
    )
    put(project, "order_items", [])
    keys = [("sports", "Sports"), ("camping gear", "camping gear")]
    put(project, "categories", [{"category_key": key, "category": shown} for key, shown in keys])
    row = features(project, "category_days", "features__categories")
    assert (row["views_sports_90d"], row["categories_viewed_90d"]) == (3, 2)
    assert row["top_viewed_category_90d"] == "Sports"
