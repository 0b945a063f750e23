"""Figures of a forecast of amounts or of choices, for its run in MLflow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ml.estimators import Array
from ml.evaluate.backtest import Periods
from ml.evaluate.metrics import Vector
from ml.evaluate.plots import OURS, PLAIN, THEIRS, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PARTS = 10


def amounts(labels: Vector, forecast: Vector, periods: Periods, unit: str, title: str) -> Figure:
    """Actual against predicted, calibration by decile of the forecast, and error by period."""
    figure, ((scatter, deciles, by_period),) = panels(1, 3, title)
    scatter.scatter(forecast, labels, s=6, alpha=0.4, color=OURS)
    most = float(max(forecast.max(), labels.max(), 1e-9))
    scatter.plot([0, most], [0, most], color=PLAIN, linewidth=0.8)
    scatter.set(title="Actual against predicted", xlabel=f"predicted ({unit})", ylabel="actual")
    _calibration(deciles, labels, forecast)
    deciles.set(title="By decile of the forecast", xlabel="mean predicted", ylabel="mean actual")
    _periods(by_period, periods, "mean_absolute_error")
    return figure


def choices(labels: Array, chosen: Array, chances: Vector, periods: Periods, title: str) -> Figure:
    """How often each choice is predicted and made, calibration by decile of the probability, and
    loss by period.
    """
    figure, ((shares, deciles, by_period),) = panels(1, 3, title)
    names = sorted({*map(str, labels), *map(str, chosen)})
    places = np.arange(len(names))
    for values, word, colour, shift in (
        (chosen, "predicted", OURS, -0.2),
        (labels, "actual", THEIRS, 0.2),
    ):
        counts = [float(np.mean([str(v) == name for v in values])) for name in names]
        shares.barh(places + shift, counts, height=0.4, color=colour, label=word)
    shares.set_yticks(places, names)
    shares.set(title="Share of each choice")
    shares.legend(frameon=False)
    _calibration(deciles, (labels == chosen).astype(np.float64), chances)
    deciles.set(title="By decile of the probability", xlabel="predicted", ylabel="right")
    _periods(by_period, periods, "log_loss")
    return figure


def by_decile(labels: Vector, forecast: Vector) -> list[tuple[float, float, float]]:
    """Mean forecast, mean outcome, and the half width of the outcome's 90% interval, by decile of
    the forecast; fewer parts where people are few.
    """
    order = np.argsort(forecast, kind="stable")
    parts = np.array_split(order, max(1, min(PARTS, len(order) // 5)))
    return [
        (
            float(forecast[rows].mean()),
            float(labels[rows].mean()),
            float(1.645 * labels[rows].std() / np.sqrt(len(rows))),
        )
        for rows in parts
    ]


def _calibration(axis: Axes, labels: Vector, forecast: Vector) -> None:
    predicted, happened, noise = zip(*by_decile(labels, forecast), strict=True)
    axis.errorbar(predicted, happened, yerr=noise, fmt="o-", color=OURS, capsize=2)
    ends = [min(*predicted, *happened), max(*predicted, *happened)]
    axis.plot(ends, ends, color=PLAIN, linewidth=0.8)


def _periods(axis: Axes, periods: Periods, metric: str) -> None:
    """The metric of the model and of the rule in each back-test period, the oldest first."""
    oldest_first: Sequence[int] = range(len(periods) - 1, -1, -1)
    for who, colour, shift in (("model", OURS, -0.05), ("rule", THEIRS, 0.05)):
        found = [getattr(periods[number], who)[metric] for number in oldest_first]
        values = [one.value for one in found]
        ends = [[max(one.value - one.low, 0.0) for one in found],
                [max(one.high - one.value, 0.0) for one in found]]  # fmt: skip
        places = np.arange(len(found)) + shift
        axis.errorbar(places, values, yerr=ends, fmt="o", color=colour, capsize=3, label=who)
    axis.set_xticks(
        range(len(periods)), [f"{periods[number].as_of:%Y-%m-%d}" for number in oldest_first]
    )
    axis.set(title=f"{metric.replace('_', ' ')} by period", xlabel="outcomes from")
    axis.set_xlim(-0.6, len(periods) - 0.4)
    axis.set_ylim(bottom=0)
    axis.legend(frameon=False)
