"""Events and sessions that are built for the affected visits alone equal a full rebuild, row for
row: random runs on the SQL of marts.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import duckdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.dbt_sql import Project

START = datetime(2026, 1, 1)
LAKE = duckdb.connect(":memory:")
for schema in ("observability", "staging", "identity", "marts"):
    LAKE.execute(f"create schema {schema}")
PROJECT = Project(LAKE, ("identity", "portable", "marts"))
KEPT = ("events", "sessions")
TEXTS = (
    "event_id anonymous_id user_id device_id trait_email user_agent type event page_name product_id"
    " category brand price quantity order_id revenue device_type os_name browser_name country"
    " region city timezone utm_source utm_medium utm_campaign referrer search_query properties"
    " tracker_session_id"
)

COOKIES = st.sampled_from(["c1", "c2", None])
USERS = st.sampled_from(["u1", "u2", None])
# Minutes around the half hour and the eight hours that end a visit.
MINUTES = st.sampled_from([0, 1, 30, 31, 60, 61, 92, 120, 480, 481, 600, 961])
VISITS = st.sampled_from(["v1", "v2", None, None])
EVENTS = st.dictionaries(st.integers(0, 9), st.tuples(MINUTES, COOKIES, USERS, VISITS), max_size=8)
NAMES = [("cookie", "c1"), ("cookie", "c2"), ("user_id", "u1"), ("user_id", "u2")]
PEOPLE = st.sampled_from(["p1", "p2", None])
RUNS = st.lists(
    st.fixed_dictionaries(
        {
            "new": EVENTS,
            "erased": st.sets(st.integers(0, 9), max_size=2),
            "people": st.tuples(PEOPLE, PEOPLE, PEOPLE, PEOPLE),
            "clock": st.sampled_from([45, 200, 2000]),
        }
    ),
    min_size=2,
    max_size=4,
)


def rows(sql: str) -> list[tuple[Any, ...]]:
    return LAKE.execute(f"select * from ({sql}) order by all").fetchall()


def begin() -> None:
    columns = ", ".join(f"{name} varchar" for name in TEXTS.split())
    LAKE.execute(
        f"create or replace table staging.stg_events__events (event_at timestamp, {columns})"
    )
    for name in ("events", "sessions"):
        LAKE.execute(f"drop table if exists marts.{name}")


def load(run: dict[str, Any]) -> None:
    """Load what arrives by this run: events in another order than they happened, some erased,
    people merged or split.
    """
    for number, (minute, cookie, user, visit) in run["new"].items():
        if not rows(f"select 1 from staging.stg_events__events where event_id = 'e{number}'"):
            agent = "curl/8.5.0" if number % 4 == 0 else "Mozilla/5.0 Firefox/140.0"
            LAKE.execute(
                "insert into staging.stg_events__events by name select ? as event_id, 'page' as"
                " type, ? as event_at, ? as anonymous_id, ? as user_id, 'Page Viewed' as event, ?"
                " as device_type, ? as user_agent, ? as tracker_session_id",
                [
                    f"e{number}",
                    START + timedelta(minutes=minute),
                    cookie,
                    user,
                    f"device {number % 3}",
                    agent,
                    visit,
                ],
            )
    for number in run["erased"]:
        LAKE.execute("delete from staging.stg_events__events where event_id = ?", [f"e{number}"])
    LAKE.execute(
        "create or replace table identity.identifier_mapping (identifier_type text, identifier"
        " text, profile_id text)"
    )
    for (kind, name), person in zip(NAMES, run["people"], strict=True):
        if person:
            LAKE.execute(
                "insert into identity.identifier_mapping values (?, ?, ?)", [kind, name, person]
            )
    clock = START + timedelta(minutes=run["clock"])
    LAKE.execute(
        "create or replace table observability.clock as select ?::timestamp as as_of", [clock]
    )


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(runs=RUNS)
def test_incremental_builds_equal_a_full_rebuild(runs: list[dict[str, Any]]) -> None:
    begin()
    for run in runs:
        load(run)
        PROJECT.python("marts/crawler_agents")
        PROJECT.table("marts/event_profiles")
        PROJECT.table("marts/touched_visits")
        before = set(rows("from marts.events")) if PROJECT._exists("marts.events") else set()
        for name in KEPT:
            PROJECT.append(f"marts/{name}")
            assert rows(f"from marts.{name}") == rows(PROJECT.render(f"marts/{name}")), name
        affected = {row[0] for row in rows("from marts.touched_visits")}
        changed = before - set(rows("from marts.events"))
        assert {event[2] for event in changed} <= affected, (
            "a visit that is not affected does not change"
        )
