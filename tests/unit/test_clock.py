"""The run's clock follows the bulk of the records: not one that is ahead of them, and never the
future.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest

from segmentry import bulk, clock, releases, warehouse
from segmentry.errors import GateFailed, NotReadyError
from segmentry.settings import Settings
from segmentry.stages import RunContext

LONGEST = timedelta(days=60)
END = datetime(2026, 5, 14, 10)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def hour(
    at: datetime, people: Iterable[int] = (1,), source: str = "events", records: int = 0
) -> bulk.Hour:
    numbers = list(people)
    mask = sum(1 << number for number in set(numbers))
    return bulk.Hour(at.replace(minute=0), source, records or len(numbers), mask, at)


# Five orders in five days; a shop with 40 people in every hour of 60 days, but no night.
FEW = [hour(END - day * DAY, [day], "orders") for day in range(5)]
MANY = [hour(END - back * HOUR, range(40)) for back in range(60 * 24) if back % 24 < 16]


def newest(hours: Iterable[bulk.Hour]) -> datetime:
    found = bulk.find(list(hours), LONGEST)
    assert found is not None
    return found.newest_at


@pytest.mark.parametrize("days", [61, 70, 190, 400])
def test_one_record_ahead_of_a_handful_does_not_move_the_clock(days: int) -> None:
    stray = hour(END + days * DAY)
    assert newest([*FEW, stray]) == END
    found = bulk.find([*FEW, stray], LONGEST)
    assert found is not None
    assert [(group.records, group.newest_at) for group in found.ahead] == [(1, stray.newest_at)]


@pytest.mark.parametrize("hours_ahead", [49, 72, 24 * 40, 24 * 200])
def test_where_records_come_steadily_few_days_ahead_are_too_many(hours_ahead: int) -> None:
    assert newest([*MANY, hour(END + hours_ahead * HOUR)]) == END


def test_a_device_with_a_wrong_clock_moves_nothing_however_much_it_sends() -> None:
    device = [hour(END + 100 * DAY + back * HOUR, [7], records=500) for back in range(50)]
    assert newest([*MANY, *device]) == END
    strays = [hour(END + days * DAY, [days % 60]) for days in (30, 90, 150, 151)]
    assert newest([*MANY, *strays]) == END


def test_records_of_today_count_after_a_pause_and_from_a_source_that_is_newer_than_the_rest() -> (
    None
):
    after = END + 120 * DAY
    assert newest([*MANY, hour(after, range(35))]) == after
    assert newest([*MANY, hour(after, range(16)), hour(after, range(16, 22), "orders")]) == after
    assert newest([*FEW, hour(after, range(3), "consents")]) == after
    old_contacts = [hour(END - 900 * DAY, range(30), "crm_contacts", records=500)]
    assert newest([*old_contacts, *FEW]) == END
    assert newest([hour(END - 200 * DAY, [1], "crm_contacts"), hour(END, [1])]) == END
    assert newest([hour(END)]) == END
    assert bulk.find([], LONGEST) is None


@pytest.mark.parametrize("products", [1, 40, 5000])
def test_a_catalogue_is_about_nobody(products: int) -> None:
    old = END - 90 * DAY
    catalogue = hour(old, (), "products", records=products)
    assert newest([catalogue, *FEW]) == END
    assert newest([catalogue, hour(END, [1], "orders")]) == END
    later = hour(END + 90 * DAY, (), "products", records=products)
    assert newest([*FEW, later]) == END
    assert newest([*MANY, later]) == END
    # Where there is nothing else, its time is the clock's.
    assert newest([catalogue]) == old


def prepare(settings: Settings, hours: Iterable[bulk.Hour], loaded_at: datetime) -> None:
    with warehouse.connect(settings) as lake:
        lake.execute(
            "create or replace table lake.staging.record_hours (hour_at timestamp, source varchar,"
            " records bigint, people_mask bigint, newest_at timestamp)"
        )
        rows = [[one.at, one.source, one.records, one.people, one.newest_at] for one in hours]
        if rows:
            places = ", ".join(
                ["(?, ?, ?, ?, ?)"] * len(rows)
            )  # a row at a time takes a commit each
            lake.execute(
                f"insert into lake.staging.record_hours values {places}",
                [v for row in rows for v in row],
            )
        lake.execute(
            "create or replace table lake.staging.landing_balance as select timestamp"
            f" '{loaded_at}' as loaded_at"
        )


def test_the_clock_is_the_full_hour_after_the_bulk_and_never_later_than_the_load(
    home: Settings,
) -> None:
    with warehouse.connect(home) as lake:
        lake.execute("create schema if not exists lake.staging")
    prepare(home, [], END)
    with pytest.raises(NotReadyError, match="no accepted record"):
        clock.decide(RunContext(home))
    minutes = END + timedelta(minutes=20)
    prepare(home, [*FEW, hour(minutes), hour(END + 99 * DAY)], END + 200 * DAY)
    report = clock.decide(RunContext(home))
    assert clock.read(home) == END + HOUR
    assert "1 record(s) of events" in report.notes[1] and "98 days ahead" in report.notes[1]
    with warehouse.connect(home, read_only=True) as lake:
        ahead = lake.execute(
            "select source, reason, records from lake.observability.records_ahead"
        ).fetchall()
    assert ahead == [("events", "ahead_of_the_bulk", 1)]
    # Loaded half an hour after the newest record, with an event 20 hours ahead of the load.
    loaded_at = minutes + timedelta(minutes=10)
    prepare(home, [*FEW, hour(minutes), hour(minutes + 20 * HOUR)], loaded_at)
    clock.decide(RunContext(home))
    assert clock.read(home) == loaded_at
    clock.decide(RunContext(home, as_of=END + 500 * DAY))
    assert clock.read(home) == END + 500 * DAY


def test_a_jump_of_the_clock_that_the_bulk_did_not_make_stops_until_it_is_released(
    home: Settings,
) -> None:
    with warehouse.connect(home) as lake:
        lake.execute("create schema if not exists lake.staging")
    loaded_at = END + 300 * DAY
    prepare(home, MANY, loaded_at)
    clock.decide(RunContext(home))
    # Thirty people, but a twentieth of a usual day.
    forged = hour(END + 90 * DAY, range(32))
    prepare(home, [*MANY, forged], loaded_at)
    with pytest.raises(GateFailed, match="the clock would move"):
        clock.decide(RunContext(home))
    assert clock.read(home) == END + HOUR
    releases.release(home, "clock", "the shop was closed for three months")
    clock.decide(RunContext(home))
    assert clock.read(home) == forged.newest_at + HOUR
    # The first day after another pause: the bulk has moved.
    back = [hour(END + 200 * DAY + back * HOUR, range(40)) for back in range(12)]
    prepare(home, [*MANY, forged, *back], loaded_at)
    clock.decide(RunContext(home))
    assert clock.read(home) == back[-1].newest_at + HOUR
