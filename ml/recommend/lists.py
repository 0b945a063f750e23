"""Makes the lists: trending for new visitors, pairs of products, and a list for each person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.recommend import matrices
from ml.recommend.evaluation import COLLABORATIVE
from ml.recommend.matrices import DIGITS, Matrix
from ml.recommend.policy import RecommendationPolicy
from ml.recommend.reading import ShopHistory
from ml.recommend.rules import Choice

TRENDING = "trending"
BOUGHT = "bought_together"
VIEWED = "viewed_together"
AT_ONCE = 2000  # people whose scores are in memory together
SPARE = 20  # candidates per place of a list, for what the rules leave out
Row = tuple[str | None, int, str, float, str]


@dataclass(frozen=True)
class Lists:
    """people: columns profile_id, rank, product_id, score and kind; the rows without a profile_id
    are trending. pairs: columns product_id, other_product_id, kind, rank, score and baskets.
    """

    people: pd.DataFrame
    pairs: pd.DataFrame


def make(behaviour: ShopHistory, policy: RecommendationPolicy, *, is_personal: bool) -> Lists:
    """All lists at one time. is_personal: whether collaborative filtering is used; without it
    people with purchases get trending.
    """
    since = behaviour.as_of - timedelta(days=policy.history_days)
    bought = behaviour.bought[behaviour.bought["at"] >= since]
    trending = _trending(bought, behaviour, policy)
    rows = _rows(None, behaviour.rules.chosen(trending))
    if is_personal:
        rows += [row for one in _buyers(bought, trending, behaviour, policy) for row in one]
    viewed, seen = _together(behaviour.viewed, policy)
    rows += [row for one in _lookers(bought, viewed, seen, behaviour, policy) for row in one]
    bought_pairs, sold = _together(bought, policy)
    pairs = [*_pairs(bought_pairs, sold, BOUGHT, policy), *_pairs(viewed, seen, VIEWED, policy)]
    return Lists(
        pd.DataFrame(rows, columns=["profile_id", "rank", "product_id", "score", "kind"]),
        pd.DataFrame(
            pairs,
            columns=["product_id", "other_product_id", "kind", "rank", "score", "baskets"],
        ),
    )


def _rows(person: str | None, choices: list[Choice]) -> list[Row]:
    return [
        (person, rank, product, round(float(score), DIGITS), kind)
        for rank, (product, score, kind) in enumerate(choices, start=1)
    ]


def _trending(
    bought: pd.DataFrame, behaviour: ShopHistory, policy: RecommendationPolicy
) -> list[Choice]:
    """Products by how many people bought them lately; then those of the whole history."""
    recent = bought[bought["at"] >= behaviour.as_of - timedelta(days=policy.trending_days)]
    found: list[Choice] = []
    for table in (recent, bought):
        products = matrices.most_bought(table, policy.max_products)
        people = matrices.popularity(table, products)
        order = matrices.best(people[None, :], len(products))[0]
        found += [(str(products[n]), float(people[n]), TRENDING) for n in order]
    return found


def _buyers(
    bought: pd.DataFrame,
    trending: list[Choice],
    behaviour: ShopHistory,
    policy: RecommendationPolicy,
) -> Iterator[list[Row]]:
    """Lists of people with purchases, by collaborative filtering, filled up with trending."""
    products = matrices.most_bought(bought, policy.max_products)
    matrix = Matrix.of(bought["person"].tolist(), bought["product_id"].tolist(), products)
    model = matrices.weights(matrix.values, policy.shrinkage)
    lately = _lately(bought, behaviour, policy)
    known = set(bought.loc[bought["is_known"], "person"])
    places = [n for n, person in enumerate(matrix.rows) if person in known]
    for start in range(0, len(places), AT_ONCE):
        part = places[start : start + AT_ONCE]
        scores = matrix.values[part] @ model
        for place, row in zip(part, scores, strict=True):
            person = str(matrix.rows[place])
            offered = _offered(row, products, COLLABORATIVE, policy)
            chosen = behaviour.rules.chosen([*offered, *trending], lately.get(person, frozenset()))
            yield _rows(person, chosen)


def _lately(
    bought: pd.DataFrame, behaviour: ShopHistory, policy: RecommendationPolicy
) -> dict[str, frozenset[str]]:
    since = behaviour.as_of - timedelta(days=policy.not_bought_days)
    recent = bought[bought["at"] >= since]
    return {str(p): frozenset(one) for p, one in recent.groupby("person")["product_id"]}


def _offered(
    scores: NDArray[np.float64], products: NDArray[Any], kind: str, policy: RecommendationPolicy
) -> list[Choice]:
    """Products with a score above zero, best first."""
    order = matrices.best(scores[None, :], policy.size * SPARE)[0]
    return [(str(products[n]), float(scores[n]), kind) for n in order if scores[n] > 0]


def _together(table: pd.DataFrame, policy: RecommendationPolicy) -> tuple[Any, NDArray[Any]]:
    """Counts and likeness of pairs, and the products they are of."""
    named = table.rename(columns={"person": "_", "basket": "person"})
    products = matrices.most_bought(named, policy.max_products)
    baskets = Matrix.of(table["basket"].tolist(), table["product_id"].tolist(), products)
    return matrices.together(baskets.values, policy.min_together), products


def _pairs(
    found: Any, products: NDArray[Any], kind: str, policy: RecommendationPolicy
) -> Iterator[tuple[str, str, str, int, float, int]]:
    counts, likeness = found
    for n, product in enumerate(products):
        row = likeness.getrow(n)
        values = sorted(zip(-np.round(row.data, DIGITS), row.indices, strict=True))
        for rank, (score, other) in enumerate(values[: policy.size], start=1):
            yield str(product), str(products[other]), kind, rank, -score, int(counts[n, other])


def _lookers(
    bought: pd.DataFrame,
    found: Any,
    products: NDArray[Any],
    behaviour: ShopHistory,
    policy: RecommendationPolicy,
) -> Iterator[list[Row]]:
    """Lists of people without purchases, by what is viewed together with what they viewed."""
    viewed = behaviour.viewed
    since = behaviour.as_of - timedelta(days=policy.viewed_days)
    buyers = set(bought["person"])
    looking = viewed[
        viewed["person"].notna() & (viewed["at"] >= since) & ~viewed["person"].isin(buyers)
    ]
    matrix = Matrix.of(looking["person"].tolist(), looking["product_id"].tolist(), products)
    for place, person in enumerate(matrix.rows):
        scores = np.asarray((matrix.values[place] @ found[1]).todense()).ravel()
        chosen = behaviour.rules.chosen(_offered(scores, products, VIEWED, policy))
        if chosen:
            yield _rows(str(person), chosen)
