"""How a stay goes on when a batch has evaluated the same profile."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from live.facts import FACTS
from live.stays import _of_all_people, continued
from segments.dwell import Rules, Stay, step

NOON = datetime(2026, 3, 1, 12)
HOUR = timedelta(hours=1)


def test_a_timer_that_began_live_goes_on_behind_a_batch() -> None:
    rules = Rules(enter_after=HOUR)
    live = step(None, True, True, NOON, rules)
    assert live is not None
    assert not live.is_member
    batch = Stay(NOON + HOUR / 2)
    after = step(continued(batch, live), True, True, NOON + HOUR, rules)
    assert after is not None
    assert after.is_member


def test_who_entered_live_is_not_sent_out_by_a_batch_that_still_waits() -> None:
    after = continued(Stay(NOON + HOUR), Stay(NOON, entered_at=NOON + HOUR))
    assert after == Stay(NOON, entered_at=NOON + HOUR)


def test_the_batch_decides_whether_there_is_a_stay() -> None:
    assert continued(None, Stay(NOON, entered_at=NOON)) is None


@pytest.mark.parametrize(
    ("batch", "live", "expected"),
    [(None, NOON, None), (NOON + HOUR, NOON, NOON), (NOON, None, NOON)],
)
def test_an_exit_that_the_batch_does_not_see_is_not_begun(
    batch: datetime | None, live: datetime | None, expected: datetime | None
) -> None:
    found = continued(Stay(NOON, NOON, batch), Stay(NOON, NOON, live))
    assert found == Stay(NOON, NOON, expected)


@pytest.mark.parametrize("relation", ["profile_standings", "restricted_profiles"])
@pytest.mark.parametrize("form", ['"lake"."marts"."{}"', "lake.marts.{}", '"lake"."marts".{}'])
def test_who_is_left_out_of_a_segment_is_asked_of_all_people(relation: str, form: str) -> None:
    sql = f'select profile_id from {form.format(relation)} join "lake"."segments"."dwell_states"'
    read = _of_all_people(sql)
    assert f"from {FACTS}." in read
    assert "lake" not in read.partition("join")[0]
    assert read.endswith('"lake"."segments"."dwell_states"'), "the stays are those of live"
