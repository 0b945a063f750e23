"""What back-tests promise next to what comes: a simulated shop goes on 90 days after its data.

For each seed churn and value are trained on a shop, and every score of a person at its end
is judged by what the person does in the 90 days after it: by the true probability, and by orders
of the same shop simulated further. Each figure is to lie within what the card lets one expect.
SEGMENTRY_BENCH_BACKTEST_PEOPLE, _DAYS and _SEEDS choose the shops.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import _shop
from ml.evaluate import backtest, metrics
from ml.registry.kept import RULE
from ml.registry.tracking import Tracker
from segmentry import clock, warehouse
from segmentry.settings import switch_off_telemetry
from segmentry.stages import RunContext

PEOPLE = int(os.environ.get("SEGMENTRY_BENCH_BACKTEST_PEOPLE", "2500"))
DAYS = int(os.environ.get("SEGMENTRY_BENCH_BACKTEST_DAYS", "420"))
SEEDS = int(os.environ.get("SEGMENTRY_BENCH_BACKTEST_SEEDS", "5"))
AIMED_SHARE = 0.9


def run() -> dict[str, Any]:
    """Each seed's figures, and the share of them that lie within what was expected."""
    switch_off_telemetry()
    shops = [measured(seed) for seed in range(1, SEEDS + 1)]
    within = [figure["is_within"] for shop in shops for figure in shop["figures"].values()]
    share = float(np.mean(within))
    return {
        "people": PEOPLE,
        "days": DAYS,
        "shops": shops,
        "within": f"{sum(within)} of {len(within)}",
        "is_reached": share >= AIMED_SHARE,
    }


def measured(seed: int) -> dict[str, Any]:
    """One shop: what was expected of its models, and what came."""
    with tempfile.TemporaryDirectory() as folder:
        shop = _shop.simulated(Path(folder), PEOPLE, DAYS, seed)
        context = _shop.built(Path(folder) / "home", shop, ["churn", "clv"])
        with warehouse.connect(context.settings, read_only=True) as lake:
            came = lake.execute(
                f"""
                with owners as ({_shop.owners(shop)})
                select
                    scores.model,
                    scores.score,
                    people.churn_probability_90d as chance,
                    people.has_churned_90d::integer as has_churned,
                    people.revenue_next_90d as revenue
                from ml.scores as scores
                inner join owners using (profile_id)
                inner join '{shop}/truth/people.parquet' as people using (person_id)
                where scores.as_of = ?
                """,
                [clock.of(context)],
            ).df()
        found = {"seed": seed, "figures": {**_churn(context, came), **_value(context, came)}}
        print(json.dumps(found), file=sys.stderr, flush=True)
        return found


def _expected(context: RunContext, model: str) -> dict[str, metrics.Interval]:
    """What the published version lets one expect; of the rule, where that is published."""
    tracker = Tracker(context.settings, model)
    version = tracker.published()
    assert version is not None
    kept = tracker.artifact(version.run_id, backtest.ARTIFACT)["periods"]
    who = "rule" if version.version == RULE else "model"
    found: dict[str, metrics.Interval] = {}
    for name in {row["metric"] for row in kept}:
        rows = [row for row in kept if row["metric"] == name]
        low = min(row[f"{who}_low"] for row in rows)
        high = max(row[f"{who}_high"] for row in rows)
        found[name] = metrics.Interval(rows[0][f"{who}_value"], low, high)
    return found


def _churn(context: RunContext, came: pd.DataFrame) -> dict[str, Any]:
    rows = came[came["model"] == "churn"]
    promised = _expected(context, "churn")
    labels = rows["has_churned"].to_numpy()
    scores = rows["score"].to_numpy()
    auc = metrics.roc_auc(labels, scores)
    ratio = metrics.predicted_over_happened(rows["chance"].to_numpy(), scores)
    return {
        "churn_auc": _figure(promised["roc_auc"], auc),
        "churn_calibration": _figure(promised["predicted_over_happened"], ratio),
    }


def _value(context: RunContext, came: pd.DataFrame) -> dict[str, Any]:
    rows = came[came["model"] == "clv"]
    expected = _expected(context, "clv")
    promised = next(one for name, one in expected.items() if name.startswith("total"))
    return {"clv_total": _figure(promised, rows["score"].sum() / rows["revenue"].sum())}


def _figure(promised: metrics.Interval, came: float) -> dict[str, Any]:
    return {
        "expected": str(promised),
        "came": round(float(came), 3),
        "is_within": bool(promised.low <= came <= promised.high),
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
