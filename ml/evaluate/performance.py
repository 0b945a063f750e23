"""How scores turned out: figures of past scorings once their outcomes are known, next to what the
version's back-test promised. The trainers measure; `segmentry models performance` and `train_items`
read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from ml.data.frames import Lake
from ml.evaluate import forecasts
from ml.evaluate.metrics import Interval
from segmentry import warehouse

RELATION = "ml.performance"
# Orders are cancelled and refunded for some weeks: until then a scoring is measured again.
SETTLE_DAYS = 30
# Figures that do not follow how frequent the outcome is, so that a month can be compared with a
# promise of another season: more is better, less is better, or 1 is right.
MORE = frozenset({"roc_auc", "lift_top_decile", "rank_agreement", "accuracy"})
LESS = frozenset({"ece"})
ONE = frozenset({"predicted_over_happened", forecasts.RATIO})
WORSE = "worse"
BETTER = "better"
KEPT = "as promised"
OPEN = "not judged"


@dataclass(frozen=True)
class Scoring:
    """One scoring of a version: its time, and when the last of its outcomes was known."""

    version: str
    as_of: datetime
    until: datetime


@dataclass(frozen=True)
class Turnout:
    """People of a scoring whose outcome is known, how many have none (they left the population, or
    became part of another profile), and the figures. Without figures they are too few.
    """

    people: int
    unmatched: int
    figures: Mapping[str, Interval]


def due(lake: Lake, model: str, horizon_days: int, now: datetime) -> list[Scoring]:
    """The first scoring of each version in each calendar month whose outcomes have ended, and that
    was not measured after they had settled; the oldest first.
    """
    horizon = timedelta(days=horizon_days)
    rows = lake.execute(
        f"""
        with firsts as (
            select model_version, min(as_of) as as_of
            from ml.score_runs
            where model = ? and as_of <= ? and scored_rows > 0
            group by model_version, date_trunc('month', as_of)
        ),
        settled as (
            select distinct model_version, as_of
            from {RELATION}
            where model = ? and measured_as_of >= until_at + to_days({SETTLE_DAYS})
        )
        select model_version, as_of
        from firsts
        where (model_version, as_of) not in (select (model_version, as_of) from settled)
        order by as_of, model_version
        """,
        [model, now - horizon, model],
    ).fetchall()
    return [Scoring(version, as_of, as_of + horizon) for version, as_of in rows]


def promised(lake: Lake, model: str, scoring: Scoring) -> dict[str, Interval]:
    """What to expect of the version by its newest back-test at that time: the newest period's
    figure, between the ends of all its periods; empty if it was never tested.
    """
    who = "rule" if scoring.version == "rule" else "model"
    rows = lake.execute(
        f"""
        select metric, arg_max({who}_value, period_as_of), min({who}_low), max({who}_high)
        from ml.model_metrics
        where model = ? and model_version = ? and as_of = (
            select max(as_of) from ml.model_metrics
            where model = ? and model_version = ? and as_of <= ?
        )
        group by metric
        """,
        [model, scoring.version, model, scoring.version, scoring.as_of],
    ).fetchall()
    return {metric: Interval(value, low, high) for metric, value, low, high in rows}


def verdict(metric: str, real: Interval, promise: Interval | None) -> str:
    """Worse or better only where the two intervals do not meet."""
    if promise is None or metric not in MORE | LESS | ONE:
        return OPEN
    is_above = real.low > promise.high
    is_below = real.high < promise.low
    if not (is_above or is_below):
        return KEPT
    if metric in ONE:
        is_nearer = abs(real.value - 1) < abs(promise.value - 1)
        return BETTER if is_nearer else WORSE
    return BETTER if is_above == (metric in MORE) else WORSE


def rows(
    model: str,
    scoring: Scoring,
    turnout: Turnout,
    promise: Mapping[str, Interval],
    now: datetime,
) -> pd.DataFrame:
    """Rows of ml.performance of one scoring; one row without a metric where people are too few."""
    shared = {
        "model": model,
        "model_version": scoring.version,
        "as_of": scoring.as_of,
        "until_at": scoring.until,
        "measured_as_of": now,
        "people": turnout.people,
        "unmatched": turnout.unmatched,
    }
    made = [
        {
            **shared,
            "metric": metric,
            **_ends("realized", real),
            **_ends("promised", promise.get(metric)),
            "verdict": verdict(metric, real, promise.get(metric)),
        }
        for metric, real in turnout.figures.items()
    ]
    none = {**shared, "metric": None, **_ends("realized", None), **_ends("promised", None)}
    return pd.DataFrame(made or [{**none, "verdict": OPEN}])


def _ends(prefix: str, interval: Interval | None) -> dict[str, Any]:
    names = (prefix, f"{prefix}_low", f"{prefix}_high")
    values = (interval.value, interval.low, interval.high) if interval else (None, None, None)
    return dict(zip(names, values, strict=True))


def notes(found: pd.DataFrame) -> list[str]:
    """One sentence per version that does worse than promised, by its newest scoring."""
    worse = found[found["verdict"] == WORSE]
    lines = []
    for version, of_version in worse.groupby("model_version", sort=True):
        newest = of_version[of_version["as_of"] == of_version["as_of"].max()]
        one = newest.iloc[0]
        figures = "; ".join(
            f"{row.metric.replace('_', ' ')} {row.realized:.3f}, promised {row.promised_low:.3f} to"
            f" {row.promised_high:.3f}"
            for row in newest.itertuples()
        )
        lines.append(
            f"{one['model']} {version} does worse than promised on those scored at"
            f" {one['as_of']:%Y-%m-%d}: {figures}"
        )
    return lines


def disappointing(lake: Lake) -> dict[str, datetime]:
    """Models whose newest judged scoring did worse than promised, with when its outcomes had
    ended.
    """
    if not warehouse.relation_exists(lake, RELATION):
        return {}
    found = lake.execute(
        f"""
        select model, max(until_at)
        from {RELATION}
        where verdict = '{WORSE}' and (model, as_of) in (
            select (model, max(as_of)) from {RELATION}
            where verdict != '{OPEN}'
            group by model
        )
        group by model
        """
    ).fetchall()
    return dict(found)


def table(lake: Lake, model: str | None) -> list[dict[str, Any]]:
    """Rows for people, the newest scoring first; of every model if none is named."""
    if not warehouse.relation_exists(lake, RELATION):
        return []
    cursor = lake.execute(
        f"""
        select
            model, model_version as version, as_of as scored_at, people, metric, realized,
            realized_low as low, realized_high as high, promised_low, promised_high, verdict
        from {RELATION}
        where ? is null or model = ?
        order by model, as_of desc, model_version, metric
        """,
        [model, model],
    )
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
