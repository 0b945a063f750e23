"""What sending to people above a score, or not sending to people below one, has been worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ml.evaluate import uplift
from ml.evaluate.metrics import Interval, Vector
from ml.evaluate.uplift import RandomTrial

ARTIFACT = "targets.json"
SHARES = tuple(round(0.05 * step, 2) for step in range(1, 21))


def measure(trial: RandomTrial, scores: Vector) -> dict[str, list[dict[str, float]]]:
    """The measured effect per person among the first and the last of the ranking.

    JSON of ``first`` and ``last``: for each of SHARES the score at its end and the effect with its
    interval. Shares with fewer than two people in a group are left out. No row is of one person.
    """
    place = uplift.places(scores)
    sides = {"first": place, "last": 1 - place}
    found: dict[str, list[dict[str, float]]] = {}
    for side, at in sides.items():
        found[side] = []
        for share in SHARES:
            taken = at <= share
            effect = uplift.difference(trial.treated[taken], trial.outcome[taken])
            if np.isfinite(effect.low):
                edge = scores[taken].min() if side == "first" else scores[taken].max()
                found[side].append(
                    {"share": share, "score": float(edge), "value": effect.value,
                     "low": effect.low, "high": effect.high}
                )  # fmt: skip
    return found


def effect_above(measured: Mapping[str, Any], score: float) -> Interval:
    """The measured effect per person among people of about this score or more."""
    return _nearest(measured["first"], score)


def effect_below(measured: Mapping[str, Any], score: float) -> Interval:
    """The measured effect per person among people of about this score or less."""
    return _nearest(measured["last"], score)


def _nearest(rows: list[dict[str, float]], score: float) -> Interval:
    row = min(rows, key=lambda one: abs(one["score"] - score))
    return Interval(row["value"], row["low"], row["high"])


def threshold(scores: Vector, budget: float, cost: float) -> float | None:
    """The least score to send to: people whose expected effect is above the cost, the best first,
    as many as the budget pays for; None if there is nobody.

    People with equal scores are all in or all out, so that a segment can state the rule.
    """
    worth = -np.sort(-scores[scores > cost])
    most = int(budget / cost + 1e-9) if cost else len(worth)
    if not len(worth) or most < 1:
        return None
    if most >= len(worth):
        return float(worth[-1])
    kept = worth[:most]
    above = kept if worth[most] < kept[-1] else kept[kept > worth[most]]
    return float(above[-1]) if len(above) else None
