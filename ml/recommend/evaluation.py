"""Offline evaluation, split by time: lists from before a date against purchases after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.evaluate.metrics import Interval, draws, interval, paired_gain
from ml.recommend import matrices
from ml.recommend.matrices import Matrix, Scores
from ml.recommend.policy import RecommendationPolicy

COLLABORATIVE = "collaborative"
BASELINES = ("trending", "popular")
RESAMPLES = 1000
CONFIDENCE = 0.95
LEAST_PEOPLE = 30  # with fewer an interval is too wide to decide


@dataclass(frozen=True)
class ListEvaluation:
    """split: lists know only purchases before it. people: who bought after it something that a list
    could contain. measures: method to measure (recall, ndcg) to its 90% interval. coverage: method
    to the share of products in at least one list. gain: recall of collaborative filtering above the
    better baseline, with its one-sided 95% bounds.
    """

    split: datetime
    days: int
    size: int
    people: int
    measures: Mapping[str, Mapping[str, Interval]]
    coverage: Mapping[str, float]
    baseline: str
    gain: Interval

    @property
    def is_better(self) -> bool:
        """Whether collaborative filtering is better than popularity beyond chance."""
        return self.gain.low > 0

    @property
    def sentence(self) -> str:
        """The result for people."""
        ours, theirs = (self.measures[m]["recall"] for m in (COLLABORATIVE, self.baseline))
        verdict = "better than" if self.is_better else "not shown to be better than"
        return (
            f"recall@{self.size} {ours} against {theirs} of {self.baseline} on {self.people} people"
            f" in {self.days} days from {self.split:%Y-%m-%d}: {verdict} popularity"
            f" (gain {self.gain})"
        )


def evaluate(
    bought: pd.DataFrame, split: datetime, policy: RecommendationPolicy, seed: int = 7
) -> ListEvaluation | None:
    """Learn from what was bought before the split and test on ``trending_days`` days after it; None
    if fewer than 30 people can be tested on.

    bought: columns person, product_id and at (naive UTC). All methods follow the same rule: no
    product that the person bought lately, in a list or in what is to be found.
    """
    window = timedelta(days=policy.trending_days)
    past = bought[bought["at"].between(split - _days(policy.history_days), split, "left")]
    later = bought[bought["at"].between(split, split + window, "left")]
    products = matrices.most_bought(past, policy.max_products)
    known = Matrix.of(past["person"].tolist(), past["product_id"].tolist(), products)
    lately = past[past["at"] >= split - _days(policy.not_bought_days)]
    banned = Matrix.of(lately["person"].tolist(), lately["product_id"].tolist(), products)
    found = Matrix.of(later["person"].tolist(), later["product_id"].tolist(), products)
    hidden = banned.aligned(known.rows).toarray() > 0
    wanted = (found.aligned(known.rows).toarray() > 0) & ~hidden
    tested = wanted.any(axis=1)
    if tested.sum() < LEAST_PEOPLE:
        return None
    recent = past[past["at"] >= split - window]
    history = known.values[np.flatnonzero(tested)]
    scores = {
        COLLABORATIVE: history @ matrices.weights(known.values, policy.shrinkage),
        "trending": matrices.popularity(recent, products)[None, :],
        "popular": matrices.popularity(past, products)[None, :],
    }
    return _judged(scores, wanted[tested], hidden[tested], split, policy, seed)


def _days(count: int) -> timedelta:
    return timedelta(days=count)


def _judged(
    scores: Mapping[str, Scores],
    wanted: NDArray[np.bool_],
    hidden: NDArray[np.bool_],
    split: datetime,
    policy: RecommendationPolicy,
    seed: int,
) -> ListEvaluation:
    samples = draws(len(wanted), RESAMPLES, seed)
    labels = np.zeros(len(wanted), dtype=np.int64)
    each: dict[str, dict[str, Scores]] = {}
    coverage = {}
    for method, given in scores.items():
        lists = matrices.best(np.where(hidden, -np.inf, given), policy.size)
        each[method] = _per_person(lists, wanted)
        coverage[method] = len(np.unique(lists)) / wanted.shape[1]
    measures = {
        method: {name: interval(_mean, labels, v, samples) for name, v in found.items()}
        for method, found in each.items()
    }
    baseline = max(BASELINES, key=lambda method: measures[method]["recall"].value)
    ours = each[COLLABORATIVE]["recall"]
    gain = paired_gain(_mean, labels, ours, each[baseline]["recall"], samples, CONFIDENCE)
    return ListEvaluation(
        split, policy.trending_days, policy.size, len(wanted), measures, coverage, baseline, gain
    )


def _mean(_: NDArray[np.int64], values: Scores) -> float:
    return float(values.mean())


def _per_person(lists: NDArray[np.int64], wanted: NDArray[np.bool_]) -> dict[str, Scores]:
    """recall: share of what was bought that is in the list. ndcg: the same, where the first places
    count more (Järvelin and Kekäläinen 2002), as a share of the best possible list.
    """
    hits = np.take_along_axis(wanted, lists, axis=1).astype(np.float64)
    count = wanted.sum(axis=1)
    discount = 1 / np.log2(np.arange(lists.shape[1]) + 2)
    ideal = np.cumsum(discount)[np.minimum(count, lists.shape[1]) - 1]
    return {"recall": hits.sum(axis=1) / count, "ndcg": (hits @ discount) / ideal}
