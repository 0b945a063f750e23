"""How far today's population has moved from what a champion learnt from: PSI and KS per feature and
of the score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.policy import DriftPolicy

Vector = NDArray[np.float64]
ARTIFACT = "reference.json"
SCORE = "(score)"
# Rows about outcomes, written when the outcomes of a new window are known; each scoring writes its
# own rows again.
LABEL = "(label)"
CALIBRATION = "(calibration)"
PERSONA = "(persona)"  # how many people are of each
MISSING = "(missing)"
REMOVED = "gone"  # verdict on a column that the features do not have any more
BINS = 10
# A share below it counts as this much: a bin that emptied would otherwise make the index infinite.
LEAST_SHARE = 1e-4


@dataclass(frozen=True)
class Shift:
    """One column's shift. psi: population stability index; ks: greatest distance of the
    distributions, by bins.
    """

    column: str
    psi: float
    ks: float
    verdict: str


def reference(features: pd.DataFrame, scores: Vector) -> dict[str, Any]:
    """What a training keeps to compare with later: bin edges and shares per column, and no row of
    a person.
    """
    kept = {str(name): _summary(features[name]) for name in features}
    return kept | {SCORE: _summary(pd.Series(scores))}


def _summary(values: pd.Series) -> dict[str, Any]:
    edges = None
    if values.dtype != object:
        numbers = values.to_numpy(dtype=float)
        known = numbers[~np.isnan(numbers)]
        edges = (
            np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1]))
            if known.size
            else np.zeros(0)
        )
    return {"edges": None if edges is None else edges.tolist(), "shares": shares(values, edges)}


def shares(values: pd.Series, edges: Vector | None) -> dict[str, float]:
    """Share of rows per bin (or per category, where edges is None), missing values as a bin of
    their own.
    """
    if edges is None:
        names = values.astype(object).where(values.notna(), MISSING).astype(str)
        return {
            str(k): float(v) for k, v in names.value_counts(normalize=True).sort_index().items()
        }
    numbers = values.to_numpy(dtype=float)
    is_missing = np.isnan(numbers)
    counts = np.bincount(np.digitize(numbers[~is_missing], edges), minlength=len(edges) + 1)
    found = {
        f"{place:02d}": int(count) / len(numbers) for place, count in enumerate(counts) if count
    }
    return found | ({MISSING: int(is_missing.sum()) / len(numbers)} if is_missing.any() else {})


def against(kept: Mapping[str, Any], now: pd.DataFrame, policy: DriftPolicy) -> list[Shift]:
    """Shifts of today's columns from a kept reference, the largest first; a removed column counts
    as drifted.
    """
    found = [_shift(name, one, now.get(name), policy) for name, one in kept.items()]
    return sorted(found, key=lambda s: (-s.psi, s.column))


def _shift(name: str, kept: Mapping[str, Any], now: pd.Series | None, policy: DriftPolicy) -> Shift:
    if now is None or not len(now):
        return Shift(name, float("inf"), 1.0, REMOVED)
    edges = None if kept["edges"] is None else np.asarray(kept["edges"], dtype=float)
    now_has = shares(now, edges)
    names = sorted({*kept["shares"], *now_has})
    old, new = (
        np.array([one.get(n, 0.0) for n in names], dtype=float) for one in (kept["shares"], now_has)
    )
    before = np.maximum(old, LEAST_SHARE)
    after = np.maximum(new, LEAST_SHARE)
    index = float(((after - before) * np.log(after / before)).sum())
    distance = float(np.abs(old.cumsum() - new.cumsum()).max())
    verdict = (
        "alarm"
        if index >= policy.psi_alarm
        else "warning"
        if index >= policy.psi_warning
        else "stable"
    )
    return Shift(name, index, distance, verdict)


def is_harmful(found: list[Shift], policy: DriftPolicy) -> bool:
    """Whether too many features have drifted and the scores with them: what drifts without effect
    harms nobody.
    """
    moved = {s.column for s in found if s.verdict in {"alarm", REMOVED}}
    return alarming_share(found) > policy.max_drifted_share and SCORE in moved


def of_outcomes(rate: Sequence[float], error: Sequence[float], policy: DriftPolicy) -> list[Shift]:
    """Shifts of the share of true labels and of the calibration error, each (when the champion was
    tested, now).
    """
    growth = error[1] - error[0]
    shift = abs(rate[1] - rate[0])
    before, after = (np.clip([1 - r, r], LEAST_SHARE, None) for r in rate)
    index = float(((after - before) * np.log(after / before)).sum())
    return [
        Shift(LABEL, index, shift, "alarm" if shift > policy.max_label_shift else "stable"),
        Shift(
            CALIBRATION,
            0.0,
            growth,
            "alarm" if growth > policy.max_calibration_growth else "stable",
        ),
    ]


def of_personas(
    shares_then: Mapping[str, float], now: pd.Series, policy: DriftPolicy
) -> list[Shift]:
    """How far the sizes of personas are from those they were found with."""
    return [_shift(PERSONA, {"edges": None, "shares": shares_then}, now, policy)]


def alarming_share(found: list[Shift]) -> float:
    """Share of columns that have drifted beyond the alarm."""
    return sum(s.verdict in {"alarm", REMOVED} for s in found) / max(len(found), 1)


def rows(model: str, as_of: datetime, version: str, found: list[Shift]) -> pd.DataFrame:
    """Rows of observability.drift."""
    return pd.DataFrame(
        {
            "model": model,
            "as_of": as_of,
            "model_version": version,
            "feature": [s.column for s in found],
            "psi": [s.psi for s in found],
            "ks": [s.ks for s in found],
            "verdict": [s.verdict for s in found],
        }
    )


def note(found: list[Shift], policy: DriftPolicy) -> list[str]:
    """A line for the operator when more features have drifted than the policy allows, naming the
    furthest.
    """
    share = alarming_share(found)
    if share <= policy.max_drifted_share:
        return []
    names = ", ".join(f"{s.column} {s.psi:.2f}" for s in found[:5])
    return [
        f"{share:.0%} of features have drifted (PSI: {names}): train again, or find out what"
        " changed"
    ]
