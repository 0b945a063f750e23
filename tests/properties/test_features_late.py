"""Facts that arrive late: they change exactly the rows that they should, and no feature uses a fact
after its as_of.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.dbt_sql import Project

pytestmark = pytest.mark.slow

CLOCK = datetime(2026, 6, 1)
EARLIER = (0, 90, 120)
DAY = timedelta(days=1)
MODELS = ("spine", "activity_days", "pattern_moments", "features__behaviour", "features__patterns")
FEATURES = MODELS[-2:]
KINDS = (
    "Product Viewed",
    "Product Added",
    "Checkout Started",
    "Order Completed",
    "Products Searched",
)
Fact = tuple[str, datetime, str, str]

# Times at and a second around the edges that count: an as_of, ten minutes and 24 hours after it,
# and any other.
EDGES = [
    CLOCK - days * DAY + timedelta(seconds=s)
    for days in EARLIER
    for s in (-86401, -86400, -601, -600, -1, 0, 1)
]
TIMES = st.sampled_from(EDGES) | st.integers(0, 200 * 24 * 60).map(
    lambda m: CLOCK - timedelta(minutes=m + 1)
)
FACTS = st.tuples(
    st.sampled_from(["ann", "bob"]), TIMES, st.sampled_from(KINDS), st.sampled_from(["p", "q"])
)
LAKE = duckdb.connect(":memory:")
PROJECT = Project(LAKE, ("features", "marts", "portable"))
PROJECT.variables["spine_days"] = list(EARLIER)
for schema in ("observability", "identity", "marts", "features"):
    LAKE.execute(f"create schema {schema}")


def rows_of(facts: list[Fact], clock: datetime) -> dict[tuple[str, datetime], dict[str, Any]]:
    """Every feature's value per (profile_id, as_of), from these facts in their order of arrival."""
    LAKE.execute(
        "create or replace table observability.clock as select ?::timestamp as as_of", [clock]
    )
    LAKE.execute(
        "create or replace table identity.identifier_mapping as"
        " select unnest(['ann', 'bob']) as profile_id, timestamp '2025-01-01' as first_seen_at"
    )
    LAKE.execute(
        "create or replace table marts.events (event_id varchar, profile_id varchar, type varchar,"
        " event varchar, event_at timestamp, page_name varchar, product_id varchar)"
    )
    for who, at, kind, product in facts:
        key = f"{who}|{at.isoformat()}|{kind}|{product}"
        LAKE.execute(
            "insert into marts.events values (?, ?, 'track', ?, ?, null, ?)",
            [key, who, kind, at, product],
        )
    LAKE.execute(
        "create or replace table marts.crawler_profiles (profile_id varchar);"
        "create or replace table marts.restricted_profiles (profile_id varchar);"
        "create or replace table marts.orders (order_id varchar, profile_id varchar, ordered_at"
        " timestamp);"
        "create or replace table marts.sessions (session_id varchar, profile_id varchar, started_at"
        " timestamp, ended_at timestamp, carts bigint, orders bigint, dwell_seconds bigint)"
    )
    for model in MODELS:
        PROJECT.table(f"features/{model}")
    found: dict[tuple[str, datetime], dict[str, Any]] = {}
    for model in FEATURES:
        relation = LAKE.execute(f"select * from features.{model}")
        names = [column[0] for column in relation.description]
        for row in relation.fetchall():
            values = dict(zip(names, row, strict=True))
            found.setdefault((values.pop("profile_id"), values.pop("as_of")), {}).update(values)
    return found


SETTINGS = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SETTINGS
@given(facts=st.lists(FACTS, min_size=3, max_size=14, unique=True), place=st.integers(0, 13))
def test_a_late_fact_changes_the_rows_behind_it_alone(facts: list[Fact], place: int) -> None:
    late = facts[place % len(facts)]
    others = [fact for fact in facts if fact != late]
    before = rows_of(others, CLOCK)
    after = rows_of([*others, late], CLOCK)
    assert before.keys() == after.keys()
    changed = {key for key in after if after[key] != before[key]}
    behind = {(who, as_of) for who, as_of in after if who == late[0] and late[1] < as_of}
    # It is counted in every row behind it (active days, or views, or searches of all time), and
    # nowhere else.
    assert changed <= behind
    assert {key for key in behind if before[key]["last_event_at"] is None} <= changed
    assert after == rows_of([late, *reversed(others)], CLOCK), "the order of arrival is no fact"


@SETTINGS
@given(
    facts=st.lists(FACTS, min_size=3, max_size=14, unique=True), days=st.sampled_from(EARLIER[1:])
)
def test_a_row_of_the_past_is_what_was_known_then(facts: list[Fact], days: int) -> None:
    then = CLOCK - days * DAY
    today = {who: values for (who, as_of), values in rows_of(facts, CLOCK).items() if as_of == then}
    known = rows_of([fact for fact in facts if fact[1] < then], then)
    assert today == {who: values for (who, as_of), values in known.items() if as_of == then}
