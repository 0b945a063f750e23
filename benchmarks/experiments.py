"""Experiments whose answers are known: Hillstrom's e-mail test, and simulated ones by the thousand.

SEGMENTRY_KNOWN_DATA names the folder with hillstrom/hillstrom_data.csv; without it that part is
left out, and the result states so.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks import _simulated
from experiments import analysis
from experiments.metrics import Metric, MetricPart

CONTROL = "No E-Mail"
EXPERIMENTS = 1_000


def run() -> dict[str, Any]:
    """Published effects next to ours; false positives, coverage and CUPED over simulations."""
    broken = [_broken(share) for share in (0.5, 0.52, 0.55)]
    return {
        "hillstrom": hillstrom(),
        "a_a": asdict(_simulated.simulate(EXPERIMENTS, 0)),
        "a_b": asdict(_simulated.simulate(EXPERIMENTS, 4, seed=2, days=1)),
        "broken_splits": broken,
    }


def hillstrom() -> dict[str, Any] | str:
    """Visit, conversion and spend of both mailings against none."""
    folder = os.environ.get("SEGMENTRY_KNOWN_DATA")
    if not folder:
        return "left out: SEGMENTRY_KNOWN_DATA is not set"
    table = pd.read_csv(Path(folder) / "hillstrom" / "hillstrom_data.csv")
    table = table.rename(columns={"segment": "variant"})
    part = MetricPart("marts.orders", "ordered_at", "sum", "x", {})
    metrics = [
        Metric(name, name, "share", part, None, None, "increase", False)
        for name in ("visit", "conversion", "spend")
    ]
    found = analysis.effects(table, metrics, CONTROL)
    people = {str(name): int(n) for name, n in table["variant"].value_counts().items()}
    ratio = analysis.sample_ratio(people, dict.fromkeys(people, 1.0))
    return {
        "split": {"people": people, "p_value": ratio.p_value},
        "effects": [
            {
                key: value if isinstance(value, str | None) else round(float(value), 4)
                for key, value in vars(effect).items()
            }
            for effect in found
        ],
    }


def _broken(share: float) -> dict[str, float]:
    """How often a split that is not as planned is found among 10,000 people."""
    import numpy as np

    random = np.random.default_rng(3)
    alarms = 0
    for _ in range(200):
        treated = int(random.binomial(10_000, share))
        counts = {"control": 10_000 - treated, "treated": treated}
        alarms += analysis.sample_ratio(counts, {"control": 1, "treated": 1}).is_broken
    return {"treated_share": share, "found": alarms / 200}
