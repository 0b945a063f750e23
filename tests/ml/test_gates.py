"""A gate names the figure that decides, with its interval."""

from __future__ import annotations

import re
from datetime import datetime

import numpy as np
import pandas as pd
import pytest

from ml.data.dataset import Part
from ml.evaluate import forecasts, gates
from ml.policy import TrainingPolicy

POLICY = TrainingPolicy(resamples=100)
INTERVAL = r"[+-]\d+\.\d{3} \[[+-]\d+\.\d{3}, [+-]\d+\.\d{3}\]"


def outcomes(size: int = 1500, seed: int = 3) -> tuple[Part, np.ndarray]:
    random = np.random.default_rng(seed)
    chance = random.beta(1, 2, size)
    labels = (random.random(size) < chance).astype(np.int64)
    keys = pd.DataFrame({"profile_id": map(str, range(size)), "as_of": datetime(2026, 1, 1)})
    return Part(keys, pd.DataFrame({"x": chance}), labels), chance


def test_a_better_order_is_decided_by_auc() -> None:
    part, chance = outcomes()
    noisy = np.clip(chance + np.random.default_rng(1).normal(0, 0.4, len(part)), 0.01, 0.99)
    gate = gates.beats("the heuristic", part, chance, noisy, POLICY)
    assert gate.passed
    assert re.fullmatch(f"AUC {INTERVAL}", gate.detail)


@pytest.mark.parametrize("power", [2.0, 4.0])
def test_the_same_order_with_better_probabilities_is_decided_by_log_loss(power: float) -> None:
    part, chance = outcomes()
    gate = gates.beats("the heuristic", part, chance, chance**power, POLICY)
    assert gate.passed
    assert re.fullmatch(f"log loss {INTERVAL} decides; AUC {INTERVAL}", gate.detail)


def test_what_is_no_better_is_refused_with_both_figures() -> None:
    part, chance = outcomes()
    gate = gates.beats("the champion", part, chance, chance, POLICY)
    assert not gate.passed
    assert len(re.findall(INTERVAL, gate.detail)) == 2


def test_better_probabilities_in_a_worse_order_are_refused_by_the_order() -> None:
    part, chance = outcomes()
    flat = np.full(len(part), chance.mean())
    gate = gates.beats("the heuristic", part, flat, chance**8, POLICY)
    assert not gate.passed
    assert "decides: it ranks worse" in gate.detail


def test_a_forecast_is_decided_by_its_loss() -> None:
    random = np.random.default_rng(2)
    worse = random.exponential(1, 500)
    gate = forecasts.better("the heuristic", worse - 0.2, worse, "deviance", POLICY)
    assert gate.passed
    assert re.fullmatch(f"deviance {INTERVAL}", gate.detail)
    assert not forecasts.better("the heuristic", worse, worse, "deviance", POLICY).passed
