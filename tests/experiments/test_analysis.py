"""Effects on data whose answers are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks import _simulated
from experiments import analysis
from experiments.metrics import Metric, MetricPart

PART = MetricPart("marts.orders", "ordered_at", "count", None, {})


def metric(name: str, per: bool = False) -> Metric:
    return Metric(name, name, "count", PART, PART if per else None, None, "increase", False)


@pytest.mark.slow
def test_intervals_of_simulated_experiments_contain_the_truth() -> None:
    found = _simulated.simulate(100, 4, count=400, days=2)
    # Three standard errors of a share of 100 around 95 %.
    assert found.covered >= 0.88
    assert found.false_daily <= 0.05
    assert found.width_ratio < 0.8


@pytest.mark.slow
def test_daily_reading_of_the_fixed_interval_is_false_more_often() -> None:
    found = _simulated.simulate(25, 0, count=600, days=12)
    assert found.false_daily_fixed > found.false_at_end
    assert found.false_daily <= 0.05


def test_a_ratio_has_the_delta_methods_error() -> None:
    random = np.random.default_rng(5)
    table = pd.DataFrame({"variant": np.repeat(["a", "b"], 4_000)})
    table["clicks__per"] = random.poisson(3, 8_000) + 1.0
    table["clicks"] = random.binomial(table["clicks__per"].astype(int), 0.2).astype(float)
    found = analysis.effects(table, [metric("clicks", per=True)], "a")[0]
    # Clicks are independent of each other here, so the error is that of two shares.
    deliveries = table.groupby("variant")["clicks__per"].sum()
    expected = np.sqrt(0.2 * 0.8 / deliveries["a"] + 0.2 * 0.8 / deliveries["b"])
    assert found.standard_error == pytest.approx(expected, rel=0.05)
    assert found.mean == pytest.approx(0.2, abs=0.02)


def test_p_values_are_corrected_by_holm() -> None:
    random = np.random.default_rng(6)
    table = pd.DataFrame({"variant": np.repeat(["a", "b"], 300)})
    for number in range(3):
        table[f"m{number}"] = random.normal(0, 1, 600) + 0.1 * number * (table["variant"] == "b")
    found = analysis.effects(table, [metric(f"m{n}") for n in range(3)], "a")
    plain = sorted(e.p_value for e in found if e.p_value is not None)
    adjusted = sorted(e.p_adjusted for e in found if e.p_adjusted is not None)
    assert adjusted[0] == pytest.approx(min(1, 3 * plain[0]))
    assert adjusted == sorted(
        np.maximum.accumulate([min(1, p * (3 - i)) for i, p in enumerate(plain)])
    )


@pytest.mark.parametrize(("treated", "is_broken"), [(5_000, False), (5_060, False), (5_300, True)])
def test_a_broken_split_is_found(treated: int, is_broken: bool) -> None:
    people = {"control": 10_000 - treated, "treated": treated}
    assert analysis.sample_ratio(people, {"control": 1, "treated": 1}).is_broken is is_broken


def test_a_variant_that_nobody_saw_breaks_the_split() -> None:
    assert analysis.sample_ratio({"a": 900}, {"a": 50, "b": 50}).is_broken


def test_small_and_constant_groups_have_no_interval() -> None:
    for people, value in ((29, 1.0), (400, 0.0)):
        table = pd.DataFrame({"variant": ["a"] * people + ["b"] * people})
        table["orders"] = value * np.arange(len(table))
        found = analysis.effects(table, [metric("orders")], "a")[0]
        assert not found.is_known
        assert found.p_adjusted is None
