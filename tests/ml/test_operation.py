"""Trained models at work: reasons, shadow scores, drift, reviews and verdicts, what a promotion
would move.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

from ml import impact, stages
from ml.data import dataset, frames
from ml.evaluate import drift, reviews
from ml.fit import pipeline
from ml.policy import DriftPolicy, TrainingPolicy
from ml.registry import promotion, store
from ml.registry.tracking import Tracker, log_model
from ml.trainers import scoring
from ml.trainers.probability import ProbabilityTrainer
from segmentry import warehouse
from segmentry.errors import UsageError
from segmentry.settings import ROOT
from segmentry.stages import RunContext
from tests.ml import small_lake
from tests.ml.small_lake import churn, rows, settings_in

pytestmark = pytest.mark.slow

SIZE = 1500


def register_prior(context: RunContext) -> Any:
    """A registered version that gives every customer the same probability."""
    tracker = Tracker(context.settings, "churn")
    data = ProbabilityTrainer(churn()).training_set(context)
    with tracker.run("a model that knows nothing", {"segmentry.key": "x"}) as run:
        model = pipeline.build(DummyClassifier(strategy="prior"), data.feature_set)
        log_model(
            model.fit(data.train.features, data.train.labels),
            data.test.features[:3],
            classifies=True,
        )
    return tracker.version_of(tracker.client.get_run(run.info.run_id))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> RunContext:
    """A better challenger has taken the place of a champion that knew nothing, and scored next to a
    new one.
    """
    context = RunContext(settings_in(tmp_path_factory.mktemp("operation"), SIZE))
    with warehouse.connect(context.settings) as lake:
        store.ensure(context.settings, lake)
    promotion.promote(Tracker(context.settings, "churn"), register_prior(context), "test")
    print(stages.train(context, "churn").notes)
    register_prior(context)
    stages.score(context, "churn")
    return context


def test_a_better_challenger_is_promoted(trained: RunContext) -> None:
    champion = Tracker(trained.settings, "churn").at_alias()
    assert str(champion.version) == "2"
    assert champion.tags["segmentry.gate.better_than_the_champion"].startswith("passed")
    assert champion.tags["segmentry.gate.drift"].startswith("passed")


def test_outcomes_of_the_former_champion_are_in_the_lake(trained: RunContext) -> None:
    found = rows(
        trained.settings,
        f"select model_version, feature from observability.drift where {scoring.OF_OUTCOMES}",
    )
    assert sorted(found) == [("1", drift.CALIBRATION), ("1", drift.LABEL)]


def test_every_score_has_its_reasons(trained: RunContext) -> None:
    with warehouse.connect(trained.settings, read_only=True) as lake:
        found = lake.execute(
            "select * from ml.score_reasons where model = 'churn' order by profile_id, rank"
        ).df()
        people = lake.execute("select count(*) from ml.scores").fetchone()
    assert people is not None
    assert len(found) == 3 * people[0]
    strength = found["effect"].abs().to_numpy().reshape(-1, 3)
    assert (np.diff(strength, axis=1) <= 1e-12).all()
    assert found["effect"].abs().max() > 0.05
    model = Tracker(trained.settings, "churn").load(Tracker(trained.settings, "churn").at_alias())
    assert set(found["feature"]) <= {str(name) for name in model.feature_names_in_}


def test_shadow_scores_are_kept_and_disputed_cases_reviewed(trained: RunContext) -> None:
    assert rows(trained.settings, "select distinct model_version from ml.shadow_scores") == [("3",)]
    same = "select count(*) from ml.shadow_scores semi join ml.scores using (profile_id)"
    assert rows(trained.settings, same) == rows(trained.settings, "select count(*) from ml.scores")
    cases = dict(rows(trained.settings, "select reason, count(*) from ml.reviews group by reason"))
    print(cases)
    assert set(cases) == {"uncertain", "disputed"}
    assert sum(int(str(number)) for number in cases.values()) <= 50


def test_verdicts_come_back_by_file_and_are_used_with_weight(trained: RunContext) -> None:
    with frames.published(trained.settings) as (lake, snapshot):
        data = dataset.load(lake, snapshot, churn(), small_lake.CLOCK, TrainingPolicy())
    folder = trained.settings.home / "reviews"
    folder.mkdir()
    verdicts = data.train.keys.head(30).assign(verdict=1 - data.train.labels[:30])
    verdicts.to_csv(folder / "churn.csv", index=False)
    stages.train(trained, "churn")
    tracker = Tracker(trained.settings, "churn")
    run = tracker.client.get_run(tracker.versions()[0].run_id)
    print("gain of 30 wrong verdicts", run.data.metrics["verdict_gain"])
    assert run.data.params["verdict_rows"] == "120"  # thirty rows, each five times instead of once
    (folder / "churn.csv").write_text(
        "profile_id,as_of,verdict\np1,2026-01-01,maybe\n", encoding="utf-8"
    )
    with pytest.raises(UsageError, match="not valid"):
        stages.train(trained, "churn")
    (folder / "churn.csv").unlink()


def test_the_impact_of_a_promotion_counts_members_and_recipients(trained: RunContext) -> None:
    with warehouse.connect(trained.settings) as lake:
        lake.execute("create schema if not exists lake.profiles")
        lake.execute("create schema if not exists lake.audiences")
        lake.execute(
            "create table lake.profiles.profiles as select profile_id, score as churn_score, 1 as"
            " orders_lifetime from lake.ml.scores where model = 'churn'"
        )
        lake.execute(
            "create table lake.audiences.candidates as select 'newsletter_file' as sync,"
            " profile_id, case when hash(profile_id) % 2 = 0 then 'eligible' else 'refused' end as"
            " verdict from lake.profiles.profiles"
        )
    (trained.settings.config / "syncs").mkdir()
    text = (ROOT / "config" / "syncs" / "newsletter_file.yml").read_text(encoding="utf-8")
    stopped = text.replace("name: newsletter_file", "name: stopped\nenabled: false")
    (trained.settings.config / "syncs" / "newsletter_file.yml").write_text(text, encoding="utf-8")
    (trained.settings.config / "syncs" / "stopped.yml").write_text(stopped, encoding="utf-8")
    moved = impact.of_promotion(trained, "churn", "3")
    (risk,) = [move for move in moved.segments if move.segment == "at_risk_of_churn"]
    print(moved)
    assert risk.members > 0
    assert risk.members - risk.lost + risk.gained in {0, SIZE} | set(range(SIZE))
    (sync,) = moved.syncs
    assert 0 < sync.changed < risk.gained + risk.lost


def test_drift_of_features_and_scores_bars_promotion_and_asks_for_a_training(
    trained: RunContext,
) -> None:
    tracker = Tracker(trained.settings, "churn")
    champion = tracker.at_alias()
    trainer = ProbabilityTrainer(churn())
    assert trainer.steady(trained, champion, tracker.load(champion)).passed
    later = replace(trained, as_of=small_lake.CLOCK + timedelta(days=1))
    assert "churn" not in stages.train_items(later)
    policy = DriftPolicy()
    moved = [drift.Shift(name, 1.0, 1.0, "alarm") for name in ("a", "b")]
    assert not drift.is_harmful(moved, policy)
    assert drift.is_harmful([*moved, drift.Shift(drift.SCORE, 1.0, 1.0, "alarm")], policy)
    with warehouse.connect(trained.settings) as lake:
        lake.execute("update lake.observability.drift set verdict = 'alarm' where model = 'churn'")
    assert "churn" in stages.train_items(later)


def test_outcomes_that_moved_are_an_alarm() -> None:
    label, calibration = drift.of_outcomes((0.2, 0.35), (0.03, 0.12), DriftPolicy())
    assert (label.verdict, calibration.verdict) == ("alarm", "alarm")
    label, calibration = drift.of_outcomes((0.2, 0.22), (0.03, 0.02), DriftPolicy())
    assert (label.verdict, calibration.verdict) == ("stable", "stable")


def test_a_choice_of_people_without_news_has_no_verdicts(trained: RunContext) -> None:
    assert reviews.verdicts(trained.settings, "upsell") is None
    with warehouse.connect(trained.settings) as lake:
        lake.execute(
            "insert into lake.ml.verdicts values ('p1', 'upsell', timestamp '2026-04-02', 1)"
        )
    found = reviews.verdicts(trained.settings, "upsell")
    assert found is not None
    assert found["verdict"].tolist() == [1]
