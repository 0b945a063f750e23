"""The dwell rules for one profile, on hand-made timelines with the boundary on both sides."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from segments.dwell import Rules, Stay, replayed, step

START = datetime(2026, 6, 1)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


def stay_after(rules: Rules, *timeline: tuple[timedelta, bool, bool]) -> Stay | None:
    stay: Stay | None = None
    for at, is_match, is_staying in timeline:
        stay = step(stay, is_match, is_staying, START + at, rules)
    return stay


@pytest.mark.parametrize(
    ("at", "is_in"), [(2 * DAY - SECOND, False), (2 * DAY, True), (2 * DAY + SECOND, True)]
)
def test_entry_waits_for_enter_after(at: timedelta, is_in: bool) -> None:
    stay = stay_after(Rules(enter_after=2 * DAY), (0 * DAY, True, True), (at, True, True))
    assert stay is not None
    assert stay.is_member is is_in


def test_an_interrupted_wait_begins_again() -> None:
    rules = Rules(enter_after=2 * DAY)
    stay = stay_after(
        rules,
        (0 * DAY, True, True),
        (DAY, False, False),
        (2 * DAY, True, True),
        (3 * DAY, True, True),
    )
    assert stay is not None
    assert not stay.is_member


@pytest.mark.parametrize(("at", "is_in"), [(3 * DAY - SECOND, True), (3 * DAY, False)])
def test_exit_waits_for_exit_after(at: timedelta, is_in: bool) -> None:
    stay = stay_after(
        Rules(exit_after=2 * DAY), (0 * DAY, True, True), (DAY, False, False), (at, False, False)
    )
    assert (stay is not None) is is_in


def test_stay_while_stops_the_exit_and_min_stay_delays_it() -> None:
    assert stay_after(Rules(), (0 * DAY, True, True), (DAY, False, True)) is not None
    assert (
        stay_after(Rules(min_stay=2 * DAY), (0 * DAY, True, True), (2 * DAY - SECOND, False, False))
        is not None
    )
    assert (
        stay_after(Rules(min_stay=2 * DAY), (0 * DAY, True, True), (2 * DAY, False, False)) is None
    )
    assert stay_after(Rules(), (0 * DAY, False, True)) is None, "stay_while lets nobody in"


def test_a_replay_counts_what_the_rules_save() -> None:
    flickering = [(START + n * DAY, {"ann": True} if n % 2 == 0 else {}) for n in range(6)]
    bare = replayed(flickering, Rules())
    patient = replayed(flickering, Rules(exit_after=2 * DAY))
    assert [flow.members for flow in bare] == [1, 0, 1, 0, 1, 0]
    assert [flow.members for flow in patient] == [1] * 6
    assert sum(flow.entries + flow.exits for flow in bare) == 6
    assert sum(flow.entries + flow.exits for flow in patient) == 1
