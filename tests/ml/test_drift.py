"""Drift: none between two samples of one population, an alarm where one moved, and the table it is
written to.
"""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from ml.evaluate import drift
from ml.policy import DriftPolicy

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
