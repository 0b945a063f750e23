"""When time alone may change a value: just behind the edge of a window, never before it."""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb
import pytest

from live import edges
from live.facts import Facts

NOON = datetime(2026, 3, 1, 12)
DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)


@pytest.fixture
def facts() -> Facts:
    connection = duckdb.connect()
    connection.execute("attach ':memory:' as facts; create schema facts.marts")
    connection.execute("create table facts.marts.orders (profile_id varchar, ordered_at timestamp)")
    return Facts(connection, 1, NOON, times={"marts.orders": ("ordered_at",)})


def _add(facts: Facts, *ages: timedelta) -> None:
    rows = [["ann", NOON - age] for age in ages]
    facts.connection.executemany("insert into facts.marts.orders values (?, ?)", rows)


@pytest.mark.parametrize(
    ("ages", "expected"),
    [
        ((6.5 * DAY,), 0.5 * DAY + TICK),  # leaves the week
        ((7 * DAY,), TICK),  # is exactly a week old, and counts in it for this instant
        ((40 * DAY, 6.9 * DAY), 0.1 * DAY + TICK),
        ((-0.2 * DAY,), 0.2 * DAY + TICK),  # has not happened yet
    ],
)
def test_the_next_edge_of_any_fact_counts(
    facts: Facts, ages: tuple[timedelta, ...], expected: timedelta
) -> None:
    _add(facts, *ages)
    found = edges.next_times(facts, (0, 7 * 86400), NOON)
    assert found == {"ann": NOON + expected}


def test_the_newest_fact_is_looked_at_each_whole_day(facts: Facts) -> None:
    _add(facts, 100.25 * DAY)
    found = edges.next_times(facts, (0, 7 * 86400), NOON, ["ann"])
    assert found == {"ann": NOON + 0.75 * DAY + TICK}


def test_who_is_not_asked_for_is_left_out(facts: Facts) -> None:
    _add(facts, DAY)
    assert edges.next_times(facts, (0,), NOON, ["bob"]) == {}
