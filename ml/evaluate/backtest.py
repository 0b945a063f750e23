"""What back-test periods showed: each period's metrics with intervals, and what to expect in use.
The fits make it; the card, MLflow and the table of metrics have it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from ml.evaluate.metrics import Interval

ARTIFACT = "periods.json"
Intervals = Mapping[str, Interval]


@dataclass(frozen=True)
class Measured:
    """One period: rows tested at as_of, whose outcomes end at until; the model and the rule."""

    as_of: datetime
    until: datetime
    rows: int
    model: Intervals
    rule: Intervals


Periods = Sequence[Measured]


def measured(
    as_of: datetime, horizon_days: int, rows: int, model: Intervals, rule: Intervals
) -> Measured:
    """The figures of a period of that many days."""
    return Measured(as_of, as_of + timedelta(days=horizon_days), rows, model, rule)


def expected(periods: Periods) -> dict[str, Interval]:
    """What to expect of the model in use: the newest period's figure, between the lowest and the
    highest end of all periods' intervals.
    """
    return {
        name: Interval(
            newest.value,
            min(one.model[name].low for one in periods),
            max(one.model[name].high for one in periods),
        )
        for name, newest in periods[0].model.items()
    }


def flat(periods: Periods) -> dict[str, float]:
    """Every figure by name, as MLflow wants them."""
    found: dict[str, float] = {"backtest_periods": float(len(periods))}
    for one in periods:
        found |= _ends(f"backtest_{one.as_of:%Y_%m_%d}", one.model)
    return found | _ends("expected", expected(periods))


def _ends(prefix: str, intervals: Intervals) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, one in intervals.items():
        ends = {"": one.value, "_low": one.low, "_high": one.high}
        found |= {f"{prefix}_{name}{end}": value for end, value in ends.items()}
    return found


def lines(periods: Periods) -> list[str]:
    """Lines of the card."""
    names = list(periods[0].model)
    head = " | ".join(name.replace("_", " ") for name in names)
    table = [f"| outcomes of | rows | of | {head} |", "|---|---:|---|" + "---|" * len(names)]
    for one in periods:
        span = f"{one.as_of:%Y-%m-%d} to {one.until:%Y-%m-%d}"
        for who, found in (("model", one.model), ("rule", one.rule)):
            cells = " | ".join(str(found[name]) for name in names)
            table.append(f"| {span} | {one.rows} | {who} | {cells} |")
    whole = " | ".join(f"{i.low:.3f} to {i.high:.3f}" for i in expected(periods).values())
    return [
        "## Back-test (90% intervals)",
        "In each period the model has learnt only from outcomes that ended before it began.",
        *(
            ["The history allows one period: how the model differs between periods is not known."]
            if len(periods) == 1
            else []
        ),
        "",
        *table,
        f"| to expect | | model | {whole} |",
    ]


def as_rows(periods: Periods) -> list[dict[str, Any]]:
    """Rows of the table of metrics, without the version: one per period, metric, and model or
    rule.
    """
    return [
        {
            "period_as_of": one.as_of.isoformat(),
            "period_until": one.until.isoformat(),
            "tested_rows": one.rows,
            "metric": name,
            "model_value": of_model.value,
            "model_low": of_model.low,
            "model_high": of_model.high,
            "rule_value": one.rule[name].value,
            "rule_low": one.rule[name].low,
            "rule_high": one.rule[name].high,
        }
        for one in periods
        for name, of_model in one.model.items()
    ]


def table(model: str, version: str, as_of: datetime, kept: Sequence[Mapping[str, Any]]) -> Any:
    """Rows of ml.model_metrics of a version that was trained as of then."""
    found = pd.DataFrame(kept)
    for name in ("period_as_of", "period_until"):
        found[name] = pd.to_datetime(found[name])
    return found.assign(model=model, model_version=version, as_of=as_of)
