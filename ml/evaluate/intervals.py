"""Intervals of what a person comes to, next to the forecast of an amount: how far outcomes were
from the mean among people with about the same forecast. The trainer of forecasts logs them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ml.evaluate.metrics import Interval, Vector

ARTIFACT = "intervals.json"
SHARE = 0.9
# With fewer people, no order statistic bounds the outer 5 % on both sides.
LEAST_PEOPLE = 40
MOST_BANDS = 5


@dataclass(frozen=True)
class Band:
    """People whose forecast is at least that, up to the next band, and the interval of what they
    come to.
    """

    at_least: float
    low: float
    high: float
    people: int


def fit(forecast: Vector, labels: Vector) -> list[Band]:
    """Bands of about as many people each, from outcomes that the model has not learnt from; none if
    they are too few.

    The ends are the order statistics of split conformal prediction (Vovk 2005), within each band:
    a further person of the band is inside with a probability of at least 0.9.
    """
    count = min(MOST_BANDS, len(labels) // LEAST_PEOPLE)
    if not count:
        return []
    edges = np.unique(np.quantile(forecast, np.arange(count) / count))
    places = _places(edges, forecast)
    bands: list[Band] = []
    for number, edge in enumerate(edges):
        known = np.sort(labels[places == number])
        if len(known) < LEAST_PEOPLE // 2:
            # Many equal forecasts: the band goes to the one below it.
            continue
        tail = (1 - SHARE) / 2
        low = int(np.floor((len(known) + 1) * tail))
        high = int(np.ceil((len(known) + 1) * (1 - tail)))
        bands.append(
            Band(
                float(edge) if bands else 0.0,
                float(known[low - 1]) if low else 0.0,
                float(known[min(high, len(known)) - 1]),
                len(known),
            )
        )
    return bands


def of(bands: Sequence[Band], forecast: Vector) -> tuple[Vector, Vector]:
    """Both ends of each person's interval."""
    places = _places(np.array([band.at_least for band in bands]), forecast)
    low = np.array([band.low for band in bands])[places]
    high = np.array([band.high for band in bands])[places]
    return low, high


def coverage(bands: Sequence[Band], forecast: Vector, labels: Vector) -> Interval:
    """The share of people whose outcome is inside, with its 90% interval (Wilson 1927)."""
    low, high = of(bands, forecast)
    count = len(labels)
    share = float(((labels >= low) & (labels <= high)).mean())
    z = 1.645
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    spread = z * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    spread = float(spread / (1 + z * z / count))
    return Interval(share, middle - spread, min(middle + spread, 1.0))


def as_json(bands: Sequence[Band], covered: Interval) -> dict[str, Any]:
    """What the artifact has."""
    return {
        "share": SHARE,
        "bands": [asdict(band) for band in bands],
        "coverage": {"value": covered.value, "low": covered.low, "high": covered.high},
    }


def lines(bands: Sequence[Band], covered: Interval, unit: str) -> list[str]:
    """Lines of the card."""
    ends = [*(band.at_least for band in bands[1:]), None]
    spans = [
        f"{band.at_least:.1f} and more" if end is None else f"{band.at_least:.1f} to {end:.1f}"
        for band, end in zip(bands, ends, strict=True)
    ]
    return [
        "",
        f"## What people come to, by their forecast ({SHARE:.0%} intervals, {unit})",
        "The forecast is a mean; a single person comes to far less or far more.",
        "",
        "| forecast | people | interval |",
        "|---|---:|---|",
        *(
            f"| {span} | {band.people} | {band.low:.1f} to {band.high:.1f} |"
            for span, band in zip(spans, bands, strict=True)
        ),
        "",
        f"On the test part {covered.value:.1%} of people are inside (90% interval"
        f" {covered.low:.1%} to {covered.high:.1%}).",
        "",
    ]


def _places(edges: Vector, forecast: Vector) -> Any:
    return np.clip(np.searchsorted(edges, forecast, side="right") - 1, 0, None)
