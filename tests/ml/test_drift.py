"""Drift: none between two samples of one population, an alarm where one moved, and the table it is
written to.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml.evaluate import drift
from ml.policy import DriftPolicy
from ml.trainers import scoring

RANDOM = np.random.default_rng(5)


def sample(shift: float = 0.0, country: tuple[float, float] = (0.5, 0.5)) -> pd.DataFrame:
    value = RANDOM.normal(shift, 1, 4000)
    return pd.DataFrame(
        {
            "value": np.where(RANDOM.random(4000) < 0.2, np.nan, value),
            "country": RANDOM.choice(np.array(["DE", "FR"], dtype=object), 4000, p=country),
            "never": np.full(4000, np.nan),
        }
    )


def found(now: pd.DataFrame) -> dict[str, drift.Shift]:
    before = sample()
    kept = json.loads(json.dumps(drift.reference(before, RANDOM.random(4000))))
    return {
        s.column: s
        for s in drift.against(
            kept, now.assign(**{drift.SCORE: RANDOM.random(len(now))}), DriftPolicy()
        )
    }


def test_two_samples_of_one_population_are_stable() -> None:
    shifts = found(sample())
    print({name: round(s.psi, 4) for name, s in shifts.items()})
    assert {s.verdict for s in shifts.values()} == {"stable"}
    assert drift.note(list(shifts.values()), DriftPolicy()) == []


def test_what_moved_is_named_and_what_did_not_is_not() -> None:
    shifts = found(sample(shift=1.0, country=(0.9, 0.1)))
    assert shifts["value"].verdict == shifts["country"].verdict == "alarm"
    assert shifts[drift.SCORE].verdict == "stable"
    assert shifts["value"].ks == pytest.approx(
        0.8 * 0.38, abs=0.05
    )  # four fifths are known; a shift of one sigma is 0.38
    (line,) = drift.note(list(shifts.values()), DriftPolicy())
    assert "value" in line


def test_an_empty_or_removed_column_alarms() -> None:
    emptied = sample().assign(value=np.nan)
    assert found(emptied)["value"].verdict == "alarm"
    assert found(emptied.drop(columns="country"))["country"].verdict == "gone"
    assert np.isfinite(found(emptied)["value"].psi)


def kept_of(before: pd.DataFrame, weights: dict[str, float] | None = None) -> dict[str, Any]:
    made = drift.reference(before, RANDOM.random(len(before)), weights)
    kept: dict[str, Any] = json.loads(json.dumps(made))
    return kept


def against(kept: dict[str, Any], now: pd.DataFrame, scores: Any = None) -> list[drift.Shift]:
    scores = RANDOM.random(len(now)) if scores is None else scores
    return drift.against(kept, now.assign(**{drift.SCORE: scores}), DriftPolicy())


@pytest.mark.parametrize(("weight", "is_harmful"), [(0.9, True), (0.31, True), (0.29, False)])
def test_drift_counts_by_the_importance_of_what_moved(weight: float, is_harmful: bool) -> None:
    rest = (1 - weight) / 2
    kept = kept_of(sample(), {"value": weight, "country": rest, "never": rest})
    shifts = against(kept, sample(shift=1.0))
    assert drift.drifted_weight(shifts) == pytest.approx(weight)
    assert drift.is_harmful(shifts, DriftPolicy()) is is_harmful
    gate = scoring.steadiness(shifts, DriftPolicy())
    assert gate.passed is not is_harmful
    assert f"{weight:.1%} of the importance" in gate.detail
    (row,) = drift.of_features(shifts, DriftPolicy())
    assert (row.verdict == "alarm") is is_harmful


def test_the_score_alone_is_enough_to_bar() -> None:
    shifts = against(kept_of(sample()), sample(), RANDOM.random(4000) * 0.5)
    assert drift.drifted_weight(shifts) == 0
    gate = scoring.steadiness(shifts, DriftPolicy())
    assert not gate.passed
    assert gate.detail.startswith("the score has drifted, PSI ")
    assert "%" not in gate.detail


@pytest.mark.parametrize("name", ["revenue_365d", "orders_lifetime", "days_since_first_order"])
def test_what_ages_is_compared_with_its_ageing(name: str) -> None:
    young, grown, old = (
        pd.DataFrame(
            {name: RANDOM.normal(mean, 1, 3000), "views_90d": RANDOM.normal(mean, 1, 3000)}
        )
        for mean in (0.0, 1.0, 2.0)
    )
    kept = drift.with_ageing(kept_of(grown), young, len(grown))
    verdicts = {s.column: s.verdict for s in against(kept, old)}
    assert verdicts[name] == "stable"
    assert verdicts["views_90d"] == "alarm"  # a window of 90 days does not age
    # More than age explains is drift.
    verdicts = {s.column: s.verdict for s in against(kept, old + 2)}
    assert verdicts[name] == "alarm"


def test_a_reference_of_an_older_installation_weighs_all_alike() -> None:
    shifts = against(kept_of(sample()), sample(shift=1.0))
    assert drift.drifted_weight(shifts) == pytest.approx(1 / 3)
