"""The churn model next to the best possible one: the simulated shop's own probabilities.

The shop knows how likely an order of each person is, from the person's true parameters and all that
was seen of them. Both are judged twice by what people did afterwards: on the model's test part, and
on the scores of the newest time, for which the shop is simulated 90 days further than its data go.
SEGMENTRY_BENCH_CHURN_PEOPLE and _DAYS choose the shop: the models of a shop that is half a year old
learn from its first three months, when no customer has been silent for long.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import _shop
from ml.data import dataset, frames
from ml.evaluate import evaluation, metrics
from ml.policy import TrainingPolicy
from ml.registry.catalogue import spec_named
from ml.registry.tracking import Tracker
from ml.spec import ModelSpec
from segmentry import clock, warehouse
from segmentry.settings import switch_off_telemetry
from segmentry.stages import RunContext

PEOPLE = int(os.environ.get("SEGMENTRY_BENCH_CHURN_PEOPLE", "6000"))
DAYS = int(os.environ.get("SEGMENTRY_BENCH_CHURN_DAYS", "365"))
SEED = 3
ALLOWED_GAP = 0.02
ALLOWED_DECILE = 0.02
TRUTH = "churn_probability_90d"
CHURNED = "has_churned_90d"


def run() -> dict[str, Any]:
    """Simulate a shop, build its features, train and score churn, and compare with the truth."""
    switch_off_telemetry()
    with tempfile.TemporaryDirectory() as folder:
        shop = _shop.simulated(Path(folder), PEOPLE, DAYS, SEED)
        return measured(_shop.built(Path(folder) / "home", shop, ["churn"]), shop)


def measured(context: RunContext, shop: Path) -> dict[str, Any]:
    """AUC and calibration by decile of model and truth, on the test part and on the newest
    scores.
    """
    spec = spec_named("churn")
    tracker = Tracker(context.settings, "churn")
    assert isinstance(spec, ModelSpec)
    with frames.published(context.settings) as (lake, snapshot):
        data = dataset.load(
            lake, snapshot, spec, clock.of(context), TrainingPolicy.read(context.settings)
        )
    with warehouse.connect(context.settings, read_only=True) as lake:
        newest = lake.execute(
            "select profile_id, as_of, score from ml.scores where model = 'churn'"
        ).df()
        truth = _truth(lake, shop)
    champion = tracker.published()
    assert champion is not None
    test = data.test.keys.assign(score=evaluation.probabilities(tracker.load(champion), data.test))
    newest = newest[newest["as_of"] == clock.of(context)]
    return {
        "people": PEOPLE,
        "days": DAYS,
        "training_rows": len(data.train),
        "test_part": _compared(test.merge(truth, on=["profile_id", "as_of"])),
        "newest_scores": _compared(newest.merge(truth, on=["profile_id", "as_of"])),
        "allowed_gap": ALLOWED_GAP,
        "allowed_decile": ALLOWED_DECILE,
    }


def _truth(lake: frames.Lake, shop: Path) -> pd.DataFrame:
    """profile_id, as_of, the shop's probability and what happened."""
    return lake.execute(f"""
        with owners as ({_shop.owners(shop)})
        select profile_id, as_of, {TRUTH}, {CHURNED}::integer as {CHURNED}
        from owners inner join '{shop}/truth/hazards.parquet' using (person_id)
        """).df()


def _compared(rows: pd.DataFrame) -> dict[str, Any]:
    labels, ours, best = (rows[c].to_numpy() for c in (CHURNED, "score", TRUTH))
    samples = metrics.draws(len(rows), 300, 1)
    gap = metrics.paired_gain(metrics.roc_auc, labels, best, ours, samples, 0.95)
    means, rates, _ = metrics.calibration_bins(labels, ours)
    true_means = metrics.calibration_bins(best, ours)[1]
    truths, true_rates, sizes = metrics.calibration_bins(labels, best)
    # One standard deviation of the share of a decile that churns, given each person's true
    # probability.
    chances = [
        _chance(best[c]) for c in np.array_split(np.argsort(ours, kind="stable"), len(sizes))
    ]
    off = abs(means - true_means)
    return {
        "rows": len(rows),
        "auc_of_model": str(metrics.interval(metrics.roc_auc, labels, ours, samples)),
        "auc_of_truth": str(metrics.interval(metrics.roc_auc, labels, best, samples)),
        "gap": str(gap),
        "is_within": gap.value <= ALLOWED_GAP,
        "deciles": [
            {
                "predicted": _round(m),
                "true": _round(t),
                "off": _round(m - t),
                "happened": _round(r),
                "chance": _round(s),
            }
            for m, t, r, s in zip(means, true_means, rates, chances, strict=True)
        ],
        # Against the probabilities that the shop acted on: the outcomes of a few hundred people
        # vary by chance.
        "mean_decile_off": _round(off.mean()),
        "worst_decile_off": _round(off.max()),
        "deciles_within": f"{int((off <= ALLOWED_DECILE).sum())} of {len(off)}",
        "worst_decile_against_what_happened": _round(abs(means - rates).max()),
        "worst_decile_of_truth_against_what_happened": _round(abs(truths - true_rates).max()),
        # The model learns from what happened; the true probabilities are above it by this much, by
        # chance.
        "truth_above_what_happened": _round((best - labels).mean()),
        "chance_overall": _round(_chance(best)),
    }


def _chance(probabilities: metrics.Vector) -> float:
    return float(np.sqrt((probabilities * (1 - probabilities)).sum()) / len(probabilities))


def _round(value: Any) -> float:
    return round(float(value), 3)


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
