"""Simulated experiments with a known effect: what `python -m benchmarks experiments` measures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from experiments import analysis
from experiments.metrics import Metric, MetricPart
from experiments.outcomes import BEFORE

VALUE = Metric(
    "value", "simulated", "money", MetricPart("marts.orders", "ordered_at", "sum", "x", {}),
    None, None, "increase", False,
)  # fmt: skip


@dataclass(frozen=True)
class Simulation:
    """Shares of the simulated experiments in which something was so, from 0 to 1.

    false_at_end: the fixed interval excludes the truth at the end. false_daily_fixed,
    false_daily: it, or the one that is valid at every reading, excludes it on any day.
    width_ratio: mean width of the fixed interval with CUPED, relative to without.
    """

    covered: float
    false_at_end: float
    false_daily_fixed: float
    false_daily: float
    width_ratio: float
    ratio_alarms: float


def people(
    random: np.random.Generator, count: int, effect: float, share: float = 0.5
) -> pd.DataFrame:
    """People with a skewed outcome, of which the value before explains about half."""
    usual = random.gamma(2, 20, count)
    before = usual * random.gamma(8, 1 / 8, count)
    value = usual * random.gamma(8, 1 / 8, count)
    treated = random.random(count) < share
    return pd.DataFrame(
        {
            "variant": np.where(treated, "treated", "control"),
            "value": value + effect * treated,
            f"value{BEFORE}": before,
        }
    )


def simulate(
    experiments: int, effect: float, *, count: int = 1_000, days: int = 14, seed: int = 1
) -> Simulation:
    """Read experiments of count people on each of some days, as people arrive."""
    random = np.random.default_rng(seed)
    covered = fixed = safe = end = alarms = 0
    widths = []
    for _ in range(experiments):
        table = people(random, count, effect)
        outside = [_outside(table[: count * day // days], effect) for day in range(1, days + 1)]
        last = analysis.effects(table, [VALUE], "control")[0]
        plain = analysis.effects(table, [VALUE], "control", is_adjusted=False)[0]
        widths.append(_width(last) / _width(plain))
        is_false, _ = outside[-1]
        covered += not is_false
        end += is_false
        fixed += any(out for out, _ in outside)
        safe += any(out for _, out in outside)
        counts = {str(name): int(n) for name, n in table["variant"].value_counts().items()}
        alarms += analysis.sample_ratio(counts, {"control": 1, "treated": 1}).is_broken
    return Simulation(
        covered=covered / experiments,
        false_at_end=end / experiments,
        false_daily_fixed=fixed / experiments,
        false_daily=safe / experiments,
        width_ratio=float(np.mean(widths)),
        ratio_alarms=alarms / experiments,
    )


def _outside(table: pd.DataFrame, truth: float) -> tuple[bool, bool]:
    found = analysis.effects(table, [VALUE], "control")[0]
    if found.low is None or found.high is None:
        return False, False
    low = found.daily_low or 0.0
    high = found.daily_high or 0.0
    return not found.low <= truth <= found.high, not low <= truth <= high


def _width(effect: analysis.Effect) -> float:
    return (effect.high or 0.0) - (effect.low or 0.0)
