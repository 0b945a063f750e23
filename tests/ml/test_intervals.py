"""Intervals next to a forecast of amounts have the coverage that they state."""

from __future__ import annotations

import numpy as np
import pytest

from ml.evaluate import forecast_plots, intervals
from ml.evaluate.metrics import Vector


def _days(seed: int, people: int, spread: float) -> tuple[Vector, Vector]:
    """Forecasts of days until an order, and what came, 90 at most: wider for longer waits."""
    random = np.random.default_rng(seed)
    mean = random.uniform(5, 80, people)
    return mean, np.minimum(random.gamma(1 / spread, mean * spread), 90.0)


@pytest.mark.parametrize("spread", [0.2, 1.0, 3.0])
def test_nine_of_ten_people_are_inside(spread: float) -> None:
    shares = []
    for seed in range(20):
        forecast, came = _days(seed, 1_200, spread)
        bands = intervals.fit(forecast[:600], came[:600])
        shares.append(intervals.coverage(bands, forecast[600:], came[600:]).value)
    assert 0.89 <= float(np.mean(shares)) <= 0.94
    assert min(shares) > 0.85


def test_short_waits_have_narrower_intervals_than_long_ones() -> None:
    forecast, came = _days(1, 2_000, 0.1)
    bands = intervals.fit(forecast, came)
    assert len(bands) == intervals.MOST_BANDS
    low, high = intervals.of(bands, np.array([0.0, 10.0, 75.0, 500.0]))
    widths = (high - low).tolist()
    assert widths[0] == widths[1] < widths[2] == widths[3]
    assert high.max() <= 90.0


@pytest.mark.parametrize(("people", "bands"), [(39, 0), (40, 1), (199, 4)])
def test_few_people_have_fewer_bands(people: int, bands: int) -> None:
    forecast, came = _days(2, people, 1.0)
    assert len(intervals.fit(forecast, came)) == bands


def test_equal_forecasts_are_one_band_and_the_card_states_the_coverage() -> None:
    came = np.random.default_rng(3).exponential(20, 400)
    bands = intervals.fit(np.full(400, 20.0), came)
    assert len(bands) == 1
    covered = intervals.coverage(bands, np.full(400, 20.0), came)
    text = "\n".join(intervals.lines(bands, covered, "days"))
    assert f"{covered.value:.1%} of people are inside" in text
    assert "| 0.0 and more | 400 |" in text


def test_deciles_are_the_means_of_their_people() -> None:
    forecast = np.arange(100.0)
    parts = forecast_plots.by_decile(forecast + 3.0, forecast)
    assert [part[0] for part in parts] == [4.5 + 10 * n for n in range(10)]
    assert all(actual == pytest.approx(predicted + 3) for predicted, actual, _ in parts)
    assert len(forecast_plots.by_decile(forecast[:7], forecast[:7])) == 1
