"""Recommendations: rules, ties, refusals, and how well the lists predict later purchases."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ml import stages
from ml.recommend import evaluation, lists, matrices, shown
from ml.recommend.policy import RecommendationPolicy
from ml.recommend.reading import ShopHistory
from ml.recommend.rules import ListRules
from segmentry import warehouse
from segmentry.errors import ConfigError
from segmentry.settings import Settings
from segmentry.stages import RunContext
from tests.conftest import shared_data
from tests.ml import small_lake
from tests.ml.small_lake import rows

AS_OF = small_lake.CLOCK
TASTES = 4
POLICY = RecommendationPolicy(shrinkage=5, size=5, max_per_category=0)


def shop(size: int = 160, seed: int = 3) -> pd.DataFrame:
    """People of four tastes, each of 12 products, who buy within their taste over 200 days."""
    random = np.random.default_rng(seed)
    made = []
    for n in range(size):
        taste = n % TASTES
        for day in random.choice(200, 8, replace=False):
            product = f"t{taste}-{random.integers(0, 12):02d}"
            at = AS_OF - timedelta(days=int(day), hours=1)
            made.append((f"p{n:03d}", True, f"o{n:03d}-{day}", product, at))
            made.append((f"p{n:03d}", True, f"o{n:03d}-{day}", f"t{taste}-00", at))
    return pd.DataFrame(made, columns=["person", "is_known", "basket", "product_id", "at"])


def behaviour(bought: pd.DataFrame, rules: ListRules | None = None) -> ShopHistory:
    viewed = pd.DataFrame(
        [
            ("looker", "s1", "t1-01", AS_OF - timedelta(days=1)),
            (None, "s2", "t1-01", AS_OF - timedelta(days=2)),
            (None, "s2", "t1-02", AS_OF - timedelta(days=2)),
            (None, "s3", "t1-01", AS_OF - timedelta(days=2)),
            (None, "s3", "t1-02", AS_OF - timedelta(days=2)),
        ],
        columns=["person", "basket", "product_id", "at"],
    )
    return ShopHistory(AS_OF, bought, viewed, rules or ListRules(5, set(), {}))


def test_a_person_gets_products_of_their_taste_that_they_have_not_bought_lately() -> None:
    bought = shop()
    made = lists.make(behaviour(bought), POLICY, is_personal=True).people
    own = made[made["kind"] == "collaborative"]
    buyer = bought["person"].map(lambda one: f"t{int(one[1:]) % TASTES}")
    assert (bought["product_id"].str[:2] == buyer).all()
    matches = [
        product[1] == str(int(person[1:]) % TASTES)
        for person, product in zip(own["profile_id"], own["product_id"], strict=True)
    ]
    assert len(own) > 600
    assert np.mean(matches) > 0.95
    lately = bought[bought["at"] >= AS_OF - timedelta(days=POLICY.not_bought_days)]
    banned = set(zip(lately["person"], lately["product_id"], strict=True))
    assert not banned & set(zip(made["profile_id"], made["product_id"], strict=True))


def test_who_only_looked_gets_what_is_viewed_together_and_a_new_visitor_gets_trending() -> None:
    made = lists.make(behaviour(shop()), POLICY, is_personal=True).people
    looked = made[made["profile_id"] == "looker"]
    assert list(zip(looked["product_id"], looked["kind"], strict=True)) == [
        ("t1-02", "viewed_together")
    ]
    visitor = made[made["profile_id"].isna()]
    assert set(visitor["kind"]) == {"trending"}
    assert list(visitor["rank"]) == [1, 2, 3, 4, 5]
    assert set(visitor["product_id"]) > {f"t{taste}-00" for taste in range(TASTES)}


def test_pairs_name_what_is_in_one_basket_and_how_often() -> None:
    table = shop(40)
    pairs = lists.make(behaviour(table), POLICY, is_personal=False).pairs
    baskets = table.groupby("basket")["product_id"].agg(set)
    found = pairs[pairs["kind"] == "bought_together"].to_dict("records")
    assert found
    for row in found:
        pair = {row["product_id"], row["other_product_id"]}
        assert row["baskets"] == sum(pair <= basket for basket in baskets) >= POLICY.min_together


def test_the_order_of_rows_changes_nothing_and_ties_go_by_product() -> None:
    bought = shop()
    shuffled = bought.sample(frac=1, random_state=5).reset_index(drop=True)
    first, second = (
        lists.make(behaviour(table), POLICY, is_personal=True) for table in (bought, shuffled)
    )
    pd.testing.assert_frame_equal(first.people, second.people)
    pd.testing.assert_frame_equal(first.pairs, second.pairs)
    assert list(matrices.best(np.array([[1.0, 2.0, 1.0 + 1e-9, 2.0]]), 4)[0]) == [1, 3, 0, 2]


def test_rules_leave_out_inactive_products_and_limit_categories() -> None:
    rules = ListRules(3, {"b"}, {"a": "X", "c": "X", "d": "X", "e": "Y"}, max_per_category=2)
    offered = [(product, 1.0, "k") for product in "abacdefg"]
    assert [one[0] for one in rules.chosen(offered)] == ["a", "c", "e"]
    assert [one[0] for one in rules.chosen(offered, frozenset({"a", "e"}))] == ["c", "d", "f"]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"sise": 3}, "sise is an unknown key"),
        ({"size": 0}, "size is 0"),
        ({"size": 2.5}, "size is 2.5"),
        ({"only_active": 1}, "only_active is 1"),
        ({"history_days": True}, "history_days is True"),
        ({"shrinkage": "much"}, "shrinkage is 'much'"),
    ],
)
def test_a_policy_that_does_not_fit_is_refused(given: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        RecommendationPolicy.of(given)


def test_a_policy_may_switch_limits_off() -> None:
    made = RecommendationPolicy.of({"max_per_category": 0, "not_bought_days": 0, "shrinkage": 50})
    assert (made.max_per_category, made.not_bought_days, made.shrinkage) == (0, 0, 50)


def test_too_few_people_give_no_verdict() -> None:
    split = AS_OF - timedelta(days=30)
    assert evaluation.evaluate(shop(20), split, POLICY) is None


def test_tastes_beat_popularity_and_chance_does_not() -> None:
    split = AS_OF - timedelta(days=30)
    judged = evaluation.evaluate(shop(), split, POLICY)
    assert judged is not None and judged.is_better
    assert "better than popularity" in judged.sentence
    random = np.random.default_rng(1)
    bought = shop().assign(product_id=[f"x{n:02d}" for n in random.integers(0, 40, 2560)])
    without_taste = evaluation.evaluate(bought, split, POLICY)
    assert without_taste is not None and not without_taste.is_better
    assert "not shown to be better" in without_taste.sentence


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A lake with features, purchases of four tastes, and nobody who refused."""
    settings = small_lake.settings_in(tmp_path_factory.mktemp("recommend"), 50)
    table = shop().rename(
        columns={"person": "profile_id", "basket": "order_id", "at": "ordered_at"}
    )
    with warehouse.connect(settings) as lake:
        lake.register("bought", table.assign(quantity=1))
        lake.execute("create or replace table lake.marts.order_items as from bought")
        lake.execute(
            "create or replace table lake.marts.orders as select distinct order_id,"
            " profile_id, ordered_at, false as is_cancelled, 10.0 as net_revenue from bought"
        )
        lake.execute(
            "create or replace table lake.marts.events as select null::varchar as profile_id,"
            " null::varchar as session_id, null::varchar as product_id, null::varchar as event,"
            " null::timestamp as event_at, false as is_bot where false"
        )
    return settings


@pytest.mark.slow
def test_the_job_writes_lists_once_and_people_who_refuse_get_trending(home: Settings) -> None:
    context = RunContext(home, as_of=AS_OF)
    done = stages.score(context, "recommendations")
    assert done.rows["ml.recommendations"] > 600
    assert "better than popularity" in done.notes[0]
    written = rows(home, "from ml.recommendations order by all")
    assert stages.score(context, "recommendations").status == "unchanged"
    refuser = "p001"
    with warehouse.connect(home) as lake:
        own = shown.of(lake, refuser)
        assert own[0]["kind"] == "collaborative"
        lake.execute(
            "create or replace table lake.marts.profile_standings as select ? as profile_id,"
            " 'profiling' as purpose, 'any' as channel, true as is_refused",
            [refuser],
        )
        # At once where the list is read, and for good with the next run.
        assert {row["kind"] for row in shown.of(lake, refuser)} == {"trending"}
    stages.score(context, "recommendations")
    of_refuser = f"select count(*) from ml.recommendations where profile_id = '{refuser}'"
    assert rows(home, of_refuser) == [(0,)]
    with warehouse.connect(home) as lake:
        lake.execute("drop table lake.marts.profile_standings")
    stages.score(context, "recommendations")
    assert rows(home, "from ml.recommendations order by all") == written
    runs = "select count(*) from ml.score_runs where model = 'recommendations'"
    assert rows(home, runs) == [(1,)]


def sales() -> pd.DataFrame:
    """Purchases of customers in UCI Online Retail."""
    lines = pd.read_csv(
        shared_data("online_retail") / "online_retail.csv.gz",
        dtype={"CustomerID": str, "InvoiceNo": str, "StockCode": str},
        parse_dates=["InvoiceDate"],
    )
    sold = lines[lines["CustomerID"].notna() & ~lines["InvoiceNo"].str.startswith("C")]
    sold = sold[(sold["Quantity"] > 0) & (sold["UnitPrice"] > 0)]
    names = {"CustomerID": "person", "StockCode": "product_id", "InvoiceDate": "at"}
    return sold.rename(columns=names)[[*names.values()]]


@pytest.fixture(scope="module")
def retail() -> pd.DataFrame:
    return sales()


RETAIL_SPLITS = (datetime(2011, 11, 9), datetime(2011, 9, 10))


@pytest.mark.slow
@pytest.mark.parametrize("split", RETAIL_SPLITS, ids=lambda at: f"{at:%Y-%m-%d}")
def test_online_retail_recommendations_beat_popularity(
    retail: pd.DataFrame, split: datetime
) -> None:
    judged = evaluation.evaluate(retail, split, RecommendationPolicy())
    assert judged is not None
    print(judged.sentence)
    print({m: (str(v["ndcg"]), round(judged.coverage[m], 3)) for m, v in judged.measures.items()})
    ours = judged.measures["collaborative"]
    theirs = judged.measures[judged.baseline]
    assert judged.people > 900
    assert judged.is_better
    assert ours["recall"].low > theirs["recall"].high
    assert ours["ndcg"].value > theirs["ndcg"].value
    assert judged.coverage["collaborative"] > judged.coverage[judged.baseline]


def test_the_policy_of_the_product_is_read(tmp_path: Path) -> None:
    settings = small_lake.settings_in(tmp_path, 0)
    assert RecommendationPolicy.read(settings).size == RecommendationPolicy().size
