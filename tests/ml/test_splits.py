"""Outcomes that are learnt from never overlap with those tested on, whatever the times are."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given as drawn
from hypothesis import strategies as st

from ml.data import splits
from ml.policy import TrainingPolicy
from segmentry.errors import ConfigError
from segmentry.settings import Settings

CLOCK = datetime(2026, 7, 1)


def windows(back: list[int], horizon: int, embargo: int, most: int = 3) -> list[tuple[int, ...]]:
    """Days back of the tested time and of those learnt from, per period."""
    policy = TrainingPolicy(embargo_days=embargo, max_periods=most)
    times = [CLOCK - timedelta(days=days) for days in back]
    found = splits.periods(times, timedelta(days=horizon), policy)
    return [tuple((CLOCK - t).days for t in (one.tested, *one.learnt)) for one in found]


def test_the_shipped_times_allow_three_periods() -> None:
    assert windows([90, 187, 284, 381], 90, 7) == [(90, 381, 284, 187), (187, 381, 284), (284, 381)]
    assert windows([90, 187], 90, 7) == [(90, 187)]


@pytest.mark.parametrize("back", [[90, 100, 120], [90, 150, 186], [90], []])
def test_a_history_that_is_too_short_allows_none(back: list[int]) -> None:
    assert windows(back, 90, 7) == []


@drawn(
    st.lists(st.integers(0, 900), max_size=12),
    st.integers(1, 200),
    st.integers(0, 60),
    st.integers(1, 5),
)
def test_no_outcome_is_on_two_sides(back: list[int], horizon: int, embargo: int, most: int) -> None:
    found = windows(back, horizon, embargo, most)
    assert len(found) <= most
    for tested, *learnt in found:
        assert learnt
        assert all(days - horizon - embargo >= tested for days in learnt)
    tests = [one[0] for one in found]
    assert all(older - horizon >= newer for newer, older in itertools.pairwise(tests))


@pytest.mark.parametrize("given", ["embargo_days: -1", "max_periods: 0"])
def test_days_and_periods_that_cannot_be_are_refused(tmp_path: Path, given: str) -> None:
    shipped = (Settings.from_environment({}).config / "policies.yml").read_text(encoding="utf-8")
    policies = yaml.safe_load(shipped)
    policies["training"] |= yaml.safe_load(given)
    (tmp_path / "policies.yml").write_text(yaml.safe_dump(policies), encoding="utf-8")
    settings = Settings.from_environment(
        {"SEGMENTRY_HOME": str(tmp_path / "home"), "SEGMENTRY_CONFIG": str(tmp_path)}
    )
    with pytest.raises(ConfigError, match=given.partition(":")[0]):
        TrainingPolicy.read(settings)
