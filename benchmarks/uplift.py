"""Uplift on an experiment whose answers are known: Hillstrom's e-mail test.

SEGMENTRY_KNOWN_DATA names the folder with hillstrom/hillstrom_data.csv; without it the result
states that it was left out.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ml.data.frames import Feature, FeatureSet
from ml.evaluate import uplift
from ml.evaluate.metrics import Interval
from ml.fit import uplift as learners
from ml.models.uplift import MODEL

CONTROL = "No E-Mail"
TREATED = ("Mens E-Mail", "Womens E-Mail")
OUTCOMES = ("visit", "conversion", "spend")
NUMBERS = ("recency", "history", "mens", "womens", "newbie")
CATEGORIES = ("history_segment", "zip_code", "channel")
BUDGET = 0.3


def run() -> dict[str, Any] | str:
    """Per mailing and outcome: randomness, Qini of each learner, and targeting of 30 percent."""
    folder = os.environ.get("SEGMENTRY_KNOWN_DATA")
    if not folder:
        return "left out: SEGMENTRY_KNOWN_DATA is not set"
    table = pd.read_csv(Path(folder) / "hillstrom" / "hillstrom_data.csv")
    return {
        f"{treated}: {outcome}": measured(table, treated, outcome)
        for treated in TREATED
        for outcome in OUTCOMES
    }


def measured(table: pd.DataFrame, treated: str, outcome: str) -> dict[str, Any]:
    """Figures of one mailing against none, each as value [low, high]."""
    rows = table[table["segment"].isin([treated, CONTROL])].reset_index(drop=True)
    features = rows[[*NUMBERS, *CATEGORIES]].astype(dict.fromkeys(NUMBERS, "float64"))
    named = FeatureSet(tuple(Feature(str(name), "", name in NUMBERS) for name in features))
    flags = (rows["segment"] == treated).to_numpy()
    amounts = rows[outcome].to_numpy(dtype=np.float64)
    data = learners.Learning(features, flags, amounts, named, MODEL.estimator, seed=7)
    trial = uplift.RandomTrial(flags, amounts)
    scores = learners.out_of_fold(data)
    served = scores[learners.SERVED]
    return {
        "random": str(uplift.assignment(flags, learners.assignment_scores(data))),
        "average": _text(uplift.difference(flags, amounts)),
        "qini": {name: _text(uplift.qini(trial, found)) for name, found in scores.items()},
        "qini_over_response": {
            name: _text(uplift.qini_gain(trial, found, scores["response"]))
            for name, found in scores.items()
            if name != "response"
        },
        "uplift_at_30": _text(uplift.uplift_at(trial, served, BUDGET)),
        "gain_at_30_over_random": _text(uplift.gain_over_random(trial, served, BUDGET)),
        "calibration": [
            f"{one.predicted:.5f} predicted, {_text(one.measured)} measured"
            for one in uplift.calibration(trial, served)
        ],
    }


def _text(found: Interval) -> str:
    return f"{found.value:.5f} [{found.low:.5f}, {found.high:.5f}]"
