"""Scores of past months are compared with what came of them, and against what was promised."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml import stages
from ml.data import frames
from ml.evaluate import performance
from ml.evaluate.forecasts import RATIO
from ml.evaluate.metrics import Interval
from ml.policy import TrainingPolicy
from ml.registry import catalogue, store
from ml.trainers import realized
from ml.trainers.kinds import trainer_of
from segmentry import warehouse
from segmentry.settings import Settings, switch_off_telemetry
from segmentry.stages import RunContext
from tests.ml import small_lake
from tests.ml.small_lake import CLOCK
from tests.ml.test_models import SIZE, rows

SCORED = CLOCK - timedelta(days=95)
PROMISES = {
    "churn": {"roc_auc": (0.8, 0.95), "ece": (0.0, 0.1), "brier": (0.0, 0.01)},
    "clv": {RATIO: (0.9, 1.1), "rank_agreement": (0.3, 0.9)},
    "next_category": {"accuracy": (0.7, 0.9)},
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """People, their orders, and what was promised of version 1 of each model."""
    settings = small_lake.settings_of(tmp_path_factory.mktemp("performance"), resamples=60)
    small_lake.fill(settings, 700)
    with warehouse.connect(settings) as lake:
        store.ensure(settings, lake)
        for model, figures in PROMISES.items():
            for metric, (low, high) in figures.items():
                lake.execute(
                    "insert into lake.ml.model_metrics values (?, '1', ?, ?, ?, 100, ?, ?, ?, ?,"
                    " 0, 0, 0)",
                    [model, SCORED, SCORED - timedelta(days=90), SCORED, metric,
                     (low + high) / 2, low, high],
                )  # fmt: skip
    yield settings


def outcomes(settings: Settings, model: str, as_of: datetime) -> pd.DataFrame:
    """What came within 90 days, by the model's own definition."""
    spec: Any = catalogue.spec_named(model)
    with warehouse.connect(settings) as lake:
        frames.set_training_dates(lake, [(as_of, as_of + timedelta(days=spec.horizon_days))])
        found = lake.execute(f"select profile_id, label from ({spec.label_sql})").df()
    return found[found["label"].notna()].sort_values("profile_id", ignore_index=True)


def write_scores(settings: Settings, model: str, scores: pd.DataFrame, as_of: datetime) -> None:
    """Scores of version 1 at that time, in place of others: columns profile_id, score, outcome."""
    made = scores.assign(model=model, as_of=as_of, model_version="1", scored_at=as_of)
    done = store.run_row(model, as_of, "1", "content", len(made), as_of)
    same: list[Any] = [model]
    writes = [("ml.scores", "model = ?", same, made), ("ml.score_runs", "model = ?", same, done)]
    with warehouse.connect(settings) as lake:
        none = done.iloc[:0]
        store.replace_rows(settings, lake, writes)
        lake.register("none", none)
        lake.execute("delete from lake.ml.performance where model = ?", [model])


def measured(settings: Settings, model: str, now: datetime = CLOCK) -> dict[str, Any]:
    """The stored rows by metric, with the notes under the key ``notes``."""
    trainer: Any = trainer_of(catalogue.spec_named(model))
    turned_out = partial(trainer.realized, TrainingPolicy.read(settings))
    with warehouse.connect(settings) as lake:
        notes = realized.measure(settings, lake, trainer.spec, now, turned_out)
        found = performance.table(lake, model)
    return {**{row["metric"]: row for row in found}, "notes": notes}


def churn_scores(settings: Settings, noise: float, as_of: datetime = SCORED) -> pd.DataFrame:
    """Calibrated where noise is 0.5: the true label with that chance of a coin in its place."""
    random = np.random.default_rng(9)
    real = outcomes(settings, "churn", as_of)
    is_coin = random.random(len(real)) < noise
    rate = real["label"].mean()
    signal = np.where(is_coin, random.random(len(real)) < rate, real["label"])
    chance = (1 - noise) + noise * rate
    score = np.where(signal == 1, chance, noise * rate)
    return pd.DataFrame({"profile_id": real["profile_id"], "score": score, "outcome": None})


def test_scores_that_keep_their_promise(shop: Settings) -> None:
    write_scores(shop, "churn", churn_scores(shop, 0.2), SCORED)
    found = measured(shop, "churn")
    assert found["roc_auc"]["verdict"] == performance.KEPT
    assert found["notes"] == []
    # Brier score depends on how many leave: no promise of it is judged, though it is far off.
    assert found["brier"]["realized"] > 0.01
    assert found["brier"]["verdict"] == performance.OPEN
    # Log loss was not promised.
    assert found["log_loss"]["promised_low"] is None


def test_scores_that_rank_by_chance_are_worse_than_promised(shop: Settings) -> None:
    scores = churn_scores(shop, 0.2)
    mixed = np.random.default_rng(1).permutation(scores["score"])
    write_scores(shop, "churn", scores.assign(score=mixed), SCORED)
    found = measured(shop, "churn")
    assert found["roc_auc"]["verdict"] == performance.WORSE
    assert found["roc_auc"]["realized"] == pytest.approx(0.5, abs=0.08)
    (note,) = found["notes"]
    assert "churn 1 does worse than promised" in note
    assert "roc auc" in note
    with warehouse.connect(shop) as lake:
        assert performance.disappointing(lake)["churn"] == SCORED + timedelta(days=90)


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "as promised"), (1.6, "worse")])
def test_amounts_are_compared_with_their_total(shop: Settings, factor: float, verdict: str) -> None:
    real = outcomes(shop, "clv", SCORED)
    scores = pd.DataFrame(
        {"profile_id": real["profile_id"], "score": real["label"] * factor, "outcome": None}
    )
    write_scores(shop, "clv", scores, SCORED)
    found = measured(shop, "clv")[RATIO]
    assert found["realized"] == pytest.approx(factor)
    assert found["verdict"] == verdict


def test_choices_are_compared_with_their_accuracy(shop: Settings) -> None:
    real = outcomes(shop, "next_category", SCORED)
    wrong = np.arange(len(real)) % 2 == 0
    scores = pd.DataFrame(
        {
            "profile_id": real["profile_id"],
            "score": 0.9,
            "outcome": np.where(wrong, "Nothing of these", real["label"].astype(str)),
        }
    )
    write_scores(shop, "next_category", scores, SCORED)
    found = measured(shop, "next_category")["accuracy"]
    assert found["realized"] == pytest.approx(1 - wrong.mean())
    assert found["verdict"] == "worse"


def test_a_scoring_waits_for_its_outcomes_and_then_until_they_have_settled(shop: Settings) -> None:
    late = CLOCK - timedelta(days=40)
    write_scores(shop, "churn", churn_scores(shop, 0.2), late)
    assert set(measured(shop, "churn")) == {"notes"}
    write_scores(shop, "churn", churn_scores(shop, 0.2), SCORED)
    measured(shop, "churn", CLOCK)
    trainer: Any = trainer_of(catalogue.spec_named("churn"))
    settled = SCORED + timedelta(days=90 + performance.SETTLE_DAYS)
    with warehouse.connect(shop) as lake:
        assert performance.due(lake, "churn", 90, settled), "it may still change"
        turned_out = partial(trainer.realized, TrainingPolicy.read(shop))
        realized.measure(shop, lake, trainer.spec, settled, turned_out)
        assert performance.due(lake, "churn", 90, settled + timedelta(days=1)) == []


def test_people_who_became_part_of_another_profile_are_counted(shop: Settings) -> None:
    scores = churn_scores(shop, 0.2)
    others = pd.DataFrame(
        {"profile_id": ["other1", "other2", "other3"], "score": 0.5, "outcome": None}
    )
    write_scores(shop, "churn", pd.concat([scores, others], ignore_index=True), SCORED)
    measured(shop, "churn")
    found = rows(shop, "select distinct people, unmatched from ml.performance where model='churn'")
    assert found == [(len(scores), 3)]


def test_few_people_are_not_judged(shop: Settings) -> None:
    write_scores(shop, "churn", churn_scores(shop, 0.2).head(40), SCORED)
    found = measured(shop, "churn")
    assert found[None]["verdict"] == performance.OPEN
    assert found[None]["people"] == 40
    assert found["notes"] == []


@pytest.mark.parametrize(
    ("metric", "real", "verdict"),
    [
        ("roc_auc", (0.5, 0.6), "worse"), ("roc_auc", (0.6, 0.75), "as promised"),
        ("roc_auc", (0.91, 0.95), "better"), ("ece", (0.91, 0.95), "worse"),
        ("ece", (0.1, 0.2), "better"), ("predicted_over_happened", (0.1, 0.2), "worse"),
        ("predicted_over_happened", (0.97, 1.01), "better"),
        ("predicted_over_happened", (1.5, 1.9), "worse"), ("brier", (5.0, 6.0), "not judged"),
    ],
)  # fmt: skip
def test_what_is_worse_depends_on_the_figure(
    metric: str, real: tuple[float, float], verdict: str
) -> None:
    promise = Interval(0.8, 0.7, 0.9)
    got = Interval(sum(real) / 2, *real)
    assert performance.verdict(metric, got, promise) == verdict
    assert performance.verdict(metric, got, None) == "not judged"


@pytest.mark.slow
def test_news_of_bad_scores_makes_a_model_due_once(tmp_path: Path) -> None:
    switch_off_telemetry()
    settings = small_lake.settings_of(tmp_path, trials=0, resamples=100, min_rows=200)
    small_lake.fill(settings, SIZE)
    today = RunContext(settings, CLOCK)
    stages.train(today, "churn")
    stages.score(today, "churn")
    assert "churn" not in stages.train_items(today)
    ((version,),) = rows(settings, "select distinct model_version from ml.scores")
    asked = CLOCK - timedelta(days=89)
    real = churn_scores(settings, 0.2, asked)
    mixed = np.random.default_rng(1).permutation(real["score"])
    made = real.assign(
        score=mixed, model="churn", as_of=asked, model_version=version, scored_at=asked
    )
    done = store.run_row("churn", asked, version, "content", len(made), asked)
    with warehouse.connect(settings) as lake:
        # The version of that time promised what the one of today does.
        lake.execute("update lake.ml.model_metrics set as_of = ? where model = 'churn'", [asked])
        same: list[Any] = ["churn", asked]
        where = "model = ? and as_of = ?"
        store.replace_rows(
            settings, lake, [("ml.scores", where, same, made), ("ml.score_runs", where, same, done)]
        )
    tomorrow = RunContext(settings, CLOCK + timedelta(days=1))
    trainer: Any = trainer_of(catalogue.spec_named("churn"))
    with warehouse.connect(settings) as lake:
        turned_out = partial(trainer.realized, TrainingPolicy.read(settings))
        notes = realized.measure(
            settings, lake, trainer.spec, CLOCK + timedelta(days=1), turned_out
        )
    assert notes, "outcomes that ended after the last training show that the scores are bad"
    assert "churn" in stages.train_items(tomorrow)
