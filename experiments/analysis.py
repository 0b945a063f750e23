"""Compares variants of an experiment: effects with intervals, and whether the split was as planned.

The arithmetic is that of tea-tasting: Welch's t-test, the delta method for ratios (Deng, Knoblich,
Lu 2018), CUPED (Deng, Xu, Kohavi, Walker 2013), chi-square or binomial test of the sample ratio,
and Holm's correction. The interval that is safe to read every day is the asymptotic confidence
sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and
asymptotic confidence sequences" (Annals of Statistics 2024), with their normal-mixture boundary.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from experiments.metrics import Metric
from experiments.outcomes import BEFORE

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.95
# Below this many people in a variant the normal approximation of both intervals does not apply.
LEAST_PEOPLE = 30
# A split that is this improbable under the planned weights is a fault. .001 is what Fabijan et al.
# (KDD 2019) use: daily reading at .01 would block sound experiments.
RATIO_LEVEL = 0.001
# Number of people at which the confidence sequence is narrowest; it is valid at every number.
TUNED_FOR = 5_000


@dataclass(frozen=True)
class Effect:
    """One variant against the control, on one metric, per person or per denominator.

    low, high: fixed-horizon interval at LEVEL, for one reading at the planned end. daily_low,
    daily_high: valid at every reading. p_value: of the fixed horizon; p_adjusted: corrected for
    the number of comparisons. standard_error_plain: without CUPED. None where nothing varies or a
    variant has fewer than LEAST_PEOPLE.
    """

    metric: str
    variant: str
    control: str
    people: int
    control_people: int
    mean: float
    control_mean: float
    effect: float
    low: float | None = None
    high: float | None = None
    daily_low: float | None = None
    daily_high: float | None = None
    p_value: float | None = None
    p_adjusted: float | None = None
    standard_error: float | None = None
    standard_error_plain: float | None = None

    @property
    def is_known(self) -> bool:
        """Whether there is an interval."""
        return self.low is not None


@dataclass(frozen=True)
class RatioCheck:
    """People per variant, how probable such a split is, and whether that blocks the verdict."""

    people: Mapping[str, int]
    p_value: float
    is_broken: bool


def sample_ratio(people: Mapping[str, int], weights: Mapping[str, float]) -> RatioCheck:
    """Compare the people in each variant with the planned weights."""
    from scipy import stats

    counted = {name: people.get(name, 0) for name in weights}
    total = sum(counted.values())
    if total == 0 or len(weights) < 2:
        return RatioCheck(counted, 1.0, False)
    planned = [weight / sum(weights.values()) for weight in weights.values()]
    if len(weights) == 2 and total < 1_000:
        first = next(iter(counted.values()))
        p_value = float(stats.binomtest(first, total, planned[0]).pvalue)
    else:
        found = stats.chisquare(list(counted.values()), [total * share for share in planned])
        p_value = float(found.pvalue)
    return RatioCheck(counted, p_value, p_value < RATIO_LEVEL)


def effects(
    outcomes: pd.DataFrame, metrics: Sequence[Metric], control: str, *, is_adjusted: bool = True
) -> list[Effect]:
    """Every other variant against the control, on every metric.

    outcomes: one row per person with the column variant and those of ``outcomes.table``.
    is_adjusted: with CUPED from the values before exposure, where they vary. p-values are corrected
    by Holm's method over all comparisons of the call.
    """
    others = [name for name in sorted(outcomes["variant"].unique()) if name != control]
    found = [
        _effect(outcomes, metric, control, variant, is_adjusted)
        for variant in others
        for metric in metrics
    ]
    return _corrected(found)


def daily_radius(standard_error: float, people: int, level: float = LEVEL) -> float:
    """Half width of the confidence sequence for a mean with this standard error over people.

    Theorem 2.2 of the paper, with the variance people * standard_error^2, and its rho that makes
    the boundary narrowest at TUNED_FOR people.
    """
    alpha = 1 - level
    log_alpha = -2 * math.log(alpha)
    rho_squared = (log_alpha + math.log(log_alpha + 1)) / TUNED_FOR
    scaled = people * rho_squared
    return standard_error * math.sqrt(
        2 * (scaled + 1) / scaled * math.log(math.sqrt(scaled + 1) / alpha)
    )


def _effect(
    outcomes: pd.DataFrame, metric: Metric, control: str, variant: str, is_adjusted: bool
) -> Effect:
    pair = outcomes[outcomes["variant"].isin([control, variant])]
    ours, theirs = (pair[pair["variant"] == name] for name in (variant, control))
    blank = Effect(
        metric=metric.name,
        variant=variant,
        control=control,
        people=len(ours),
        control_people=len(theirs),
        mean=_mean(ours, metric),
        control_mean=_mean(theirs, metric),
        effect=_mean(ours, metric) - _mean(theirs, metric),
    )
    if min(len(ours), len(theirs)) < LEAST_PEOPLE or not _varies(ours, theirs, metric):
        return blank
    plain = _compared(pair, metric, control, variant, is_adjusted=False)
    is_adjusted = is_adjusted and _can_adjust(pair, metric)
    result = _compared(pair, metric, control, variant, is_adjusted=True) if is_adjusted else plain
    if not math.isfinite(_standard_error(result)):
        # What preceded explains the outcome without rest, and no variance is left to estimate.
        result = plain
    error = _standard_error(result)
    effect = float(result.effect_size)
    radius = daily_radius(error, len(pair))
    return replace(
        blank,
        effect=effect,
        low=float(result.effect_size_ci_lower),
        high=float(result.effect_size_ci_upper),
        daily_low=effect - radius,
        daily_high=effect + radius,
        p_value=float(result.pvalue),
        standard_error=error,
        standard_error_plain=_standard_error(plain),
    )


def _mean(group: pd.DataFrame, metric: Metric) -> float:
    total = float(group[metric.name].sum())
    per = float(len(group) if metric.denominator is None else group[f"{metric.name}__per"].sum())
    return total / per if per else 0.0


def _varies(ours: pd.DataFrame, theirs: pd.DataFrame, metric: Metric) -> bool:
    groups = (ours, theirs)
    if metric.denominator is not None and any(
        group[f"{metric.name}__per"].sum() <= 0 for group in groups
    ):
        return False
    return any(float(group[metric.name].var()) > 0 for group in groups)


def _can_adjust(pair: pd.DataFrame, metric: Metric) -> bool:
    names = [f"{name}{BEFORE}" for name in metric.parts]
    if any(name not in pair or float(pair[name].var()) <= 0 for name in names):
        return False
    return metric.denominator is None or float(pair[names[1]].sum()) > 0


def _compared(
    pair: pd.DataFrame, metric: Metric, control: str, variant: str, *, is_adjusted: bool
) -> Any:
    import tea_tasting as tt

    before = f"{metric.name}{BEFORE}" if is_adjusted else None
    measure: Any
    if metric.denominator is None:
        measure = tt.Mean(metric.name, before, confidence_level=LEVEL)
    else:
        per = f"{metric.name}__per"
        measure = tt.RatioOfMeans(
            metric.name,
            per,
            before,
            f"{per}{BEFORE}" if is_adjusted else None,
            confidence_level=LEVEL,
        )
    known = {
        name: _aggregates(pair[pair["variant"] == name], metric) for name in (control, variant)
    }
    return measure.analyze(known, control, variant)


def _aggregates(group: pd.DataFrame, metric: Metric) -> Any:
    """Means, variances and covariances of a group: all that the comparison needs."""
    import numpy as np
    from tea_tasting.aggr import Aggregates

    columns = [name for part in metric.parts for name in (part, f"{part}{BEFORE}") if name in group]
    values = group[columns].to_numpy(dtype=float)
    spread = np.atleast_2d(np.cov(values, rowvar=False))
    pairs = list(enumerate(columns))
    return Aggregates(
        count_=len(group),
        mean_=dict(zip(columns, values.mean(axis=0).tolist(), strict=True)),
        var_={name: float(spread[i, i]) for i, name in pairs},
        cov_={(a, b): float(spread[i, j]) for i, a in pairs for j, b in pairs if i < j},
    )


def _standard_error(result: Any) -> float:
    if result.statistic and math.isfinite(result.statistic):
        return abs(float(result.effect_size) / float(result.statistic))
    from scipy import stats

    width = float(result.effect_size_ci_upper) - float(result.effect_size_ci_lower)
    return width / 2 / float(stats.norm.ppf((1 + LEVEL) / 2))


def corrected_together(found: Mapping[str, Sequence[Effect]]) -> dict[str, tuple[Effect, ...]]:
    """The same groups of effects, p-values corrected over all of them at once."""
    corrected = iter(_corrected([effect for effects in found.values() for effect in effects]))
    return {name: tuple(next(corrected) for _ in effects) for name, effects in found.items()}


def _corrected(found: Sequence[Effect]) -> list[Effect]:
    known = sorted((e for e in found if e.p_value is not None), key=lambda e: e.p_value or 0.0)
    corrected: dict[int, float] = {}
    largest = 0.0
    for rank, effect in enumerate(known):
        largest = max(largest, min(1.0, (effect.p_value or 0.0) * (len(known) - rank)))
        corrected[id(effect)] = largest
    return [replace(effect, p_adjusted=corrected.get(id(effect))) for effect in found]
