"""How far today's population has moved from what a champion learnt from: PSI and KS per feature and
of the score.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
FEATURES = "(features)"  # the importance of the features that have drifted, as a share
PERSONA = "(persona)"  # how many people are of each
MISSING = "(missing)"
REMOVED = "gone"  # verdict on a column that the features do not have any more
BINS = 10
# A share below it counts as this much: a bin that emptied would otherwise make the index infinite.
LEAST_SHARE = 1e-4


@dataclass(frozen=True)
class Shift:
    """One column's shift. psi: population stability index; ks: greatest distance of the
    distributions, by bins. weight: the feature's share of what moves the scores. expected: the psi
    that comes with age alone, which the verdict does not count.
    """

    column: str
    psi: float
    ks: float
    verdict: str
    weight: float = 0.0
    expected: float = 0.0


def reference(
    features: pd.DataFrame, scores: Vector, weights: Mapping[str, float] | None = None
) -> dict[str, Any]:
    """What a training keeps to compare with later: bin edges and shares per column, and no row of
    a person. weights: the importance of each feature; without them all count alike.
    """
    kept = {str(name): _summary(features[name]) for name in features}
    for name in kept if weights is not None else ():
        kept[name]["weight"] = float((weights or {}).get(name, 0.0))
    return kept | {SCORE: _summary(pd.Series(scores))}


def with_ageing(kept: dict[str, Any], before: pd.DataFrame, rows: int) -> dict[str, Any]:
    """The reference with what time alone does to each column: its shift from the rows before, which
    lie about as far before the reference as it lies before today.

    rows: those the reference was made of. What chance shows between so many rows is not ageing.
    """
    for name in (str(n) for n in before if n in kept):
        then = shares(before[name], _edges(kept[name]))
        bins = len({*kept[name]["shares"], *then})
        chance = (bins - 1) * (1 / max(rows, 1) + 1 / max(len(before), 1))
        kept[name]["ageing"] = max(0.0, _index(then, kept[name]["shares"])[0] - chance)
    return kept


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
    even = 1 / max(len(kept) - 1, 1)
    found = [
        replace(
            _shift(name, one, now.get(name), policy),
            weight=0.0 if name == SCORE else one.get("weight", even),
        )
        for name, one in kept.items()
    ]
    return sorted(found, key=lambda s: (-s.psi, s.column))


def _shift(name: str, kept: Mapping[str, Any], now: pd.Series | None, policy: DriftPolicy) -> Shift:
    if now is None or not len(now):
        return Shift(name, float("inf"), 1.0, REMOVED)
    index, distance = _index(kept["shares"], shares(now, _edges(kept)))
    # The score ages with the features that it follows.
    ages = name == SCORE or any(fnmatch.fnmatch(name, pattern) for pattern in policy.ages)
    expected = float(kept.get("ageing", 0.0)) if ages else 0.0
    beyond = index - expected
    verdict = (
        "alarm"
        if beyond >= policy.psi_alarm
        else "warning"
        if beyond >= policy.psi_warning
        else "stable"
    )
    return Shift(name, index, distance, verdict, expected=expected)


def _edges(kept: Mapping[str, Any]) -> Vector | None:
    return None if kept["edges"] is None else np.asarray(kept["edges"], dtype=float)


def _index(then: Mapping[str, float], now: Mapping[str, float]) -> tuple[float, float]:
    """Population stability index of two sets of shares, and the greatest distance by bins."""
    names = sorted({*then, *now})
    old, new = (np.array([one.get(n, 0.0) for n in names], dtype=float) for one in (then, now))
    before = np.maximum(old, LEAST_SHARE)
    after = np.maximum(new, LEAST_SHARE)
    index = float(((after - before) * np.log(after / before)).sum())
    return index, float(np.abs(old.cumsum() - new.cumsum()).max())


def is_harmful(found: list[Shift], policy: DriftPolicy) -> bool:
    """Whether the score has drifted, or features that carry too much of it: what drifts without
    effect harms no score.
    """
    return bool(reasons_against(found, policy))


def reasons_against(found: list[Shift], policy: DriftPolicy) -> list[str]:
    """What has drifted beyond what is allowed, each with its figure and its limit."""
    reasons = []
    for one in found:
        if one.column == SCORE and one.verdict in {"alarm", REMOVED}:
            reasons.append(f"the score has drifted, {_beyond(one, policy)}")
    share = drifted_weight(found)
    if share > policy.max_drifted_share:
        moved = [s for s in found if _is_drifted(s)]
        names = ", ".join(f"{s.column} {s.psi:.2f}" for s in sorted(moved, key=_by_weight)[:5])
        reasons.append(
            f"features with {share:.1%} of the importance have drifted, at most"
            f" {policy.max_drifted_share:.1%} may (PSI: {names})"
        )
    return reasons


def _beyond(one: Shift, policy: DriftPolicy) -> str:
    aged = f", of which {one.expected:.3f} comes with age" if one.expected else ""
    return f"PSI {one.psi:.3f}{aged}; less than {policy.psi_alarm:.3f} may"


def summary(found: list[Shift], policy: DriftPolicy) -> str:
    """The two figures that decide, each with its limit."""
    scores = "; ".join(f"score {_beyond(s, policy)}" for s in found if s.column == SCORE)
    share = drifted_weight(found)
    return f"{scores}; features drifted {share:.1%} of the importance, at most" + (
        f" {policy.max_drifted_share:.1%} may"
    )


def _is_drifted(one: Shift) -> bool:
    return one.column != SCORE and one.verdict in {"alarm", REMOVED}


def _by_weight(one: Shift) -> tuple[float, str]:
    return -one.weight, one.column


def drifted_weight(found: list[Shift]) -> float:
    """Share of the features' importance that lies on features beyond the alarm."""
    whole = sum(s.weight for s in found if s.column != SCORE)
    return sum(s.weight for s in found if _is_drifted(s)) / whole if whole else 0.0


def of_features(found: list[Shift], policy: DriftPolicy) -> list[Shift]:
    """The row of all features together; none without features."""
    if not found:
        return []
    share = drifted_weight(found)
    verdict = "alarm" if share > policy.max_drifted_share else "stable"
    return [Shift(FEATURES, share, share, verdict)]


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
    """Lines for the operator when the score, or features that carry it, have drifted more than the
    policy allows.
    """
    return [
        f"{reason}: train again, or find out what changed"
        for reason in reasons_against(found, policy)
    ]
