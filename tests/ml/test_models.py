"""Models end to end on a small lake: trained from the past, gated, scored, repeated, refused,
rolled back.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.metrics import adjusted_rand_score

from ml import impact, lifecycle, stages
from ml.data import columns, dataset, frames
from ml.evaluate import drift, leakage, reviews
from ml.fit import pipeline
from ml.personas import cards
from ml.policy import TrainingPolicy
from ml.registry import promotion
from ml.registry.tracking import Tracker, log_model
from ml.trainers import labelled
from ml.trainers.probability import ProbabilityTrainer
from segmentry import warehouse
from segmentry.errors import ConfigError, GateFailed, NotReadyError, UsageError
from segmentry.stages import RunContext
from tests.ml import small_lake
from tests.ml.small_lake import churn, rows, settings_in

pytestmark = pytest.mark.slow

SIZE = 2500
ALL = ["churn", "clv", "next_category", "next_order", "personas", "uplift", "upsell"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> RunContext:
    """A home in which two models were trained and scored once; tests must leave it as they found
    it.
    """
    context = RunContext(settings_in(tmp_path_factory.mktemp("ml"), SIZE))
    assert stages.train_items(context) == ALL
    assert stages.score_items(context) == [*ALL, "recommendations"]
    for model in ("churn", "personas"):
        stages.train(context, model)
        stages.score(context, model)
    return context


def test_champions_beat_the_heuristic_and_score_every_customer(trained: RunContext) -> None:
    listed = {row["model"]: row for row in lifecycle.listing(trained.settings)}
    print({name: (row["champion"], row["quality"]) for name, row in listed.items()})
    assert listed["churn"]["champion"] == "1"
    (gates,) = [row["gates"] for row in lifecycle.show(trained.settings, "churn")]
    assert "better_than_the_heuristic: passed" in gates
    people, least, most = rows(
        trained.settings,
        "select count(*), min(score), max(score) from ml.scores where model = 'churn'",
    )[0]
    buyers = rows(trained.settings, "select count(distinct profile_id) from marts.orders")[0][0]
    assert people == buyers
    assert 0 < least < most < 1


def test_personas_are_the_kinds_of_people_there_are(trained: RunContext) -> None:
    truth = small_lake.people(SIZE).set_index("profile_id")["persona"]
    with warehouse.connect(trained.settings, read_only=True) as lake:
        found = lake.execute("select * from ml.cluster_assignments").df().set_index("profile_id")
    agreement = adjusted_rand_score(truth[found.index], found["cluster_id"])
    print("persona ARI", round(agreement, 3), found["persona"].unique())
    assert agreement > 0.9
    assert found["confidence"].between(0, 1).all()
    assert set(found["status"]) <= {"member", "ambiguous", "outlier"}
    sizes = "select feature, psi, verdict from observability.drift where model = 'personas'"
    ((feature, index, verdict),) = rows(trained.settings, sizes)
    assert (feature, verdict) == (drift.PERSONA, "stable")
    assert float(str(index)) < 0.01
    tracker = Tracker(trained.settings, "personas")
    steps = tracker.artifact(tracker.at_alias().run_id, cards.ARTIFACT)["hierarchy"]
    assert steps[-1]["personas"] == sorted(found["persona"].unique())
    assert [len(step["personas"]) for step in steps] == [2, 3]
    assert (
        "Luxury Loyalist" not in set(found["persona"])
        or found["persona"].nunique() == found["cluster_id"].nunique()
    )


def test_a_second_run_changes_nothing(trained: RunContext) -> None:
    before = rows(trained.settings, "select * from ml.scores order by all")
    assert stages.train_items(trained) == [
        name for name in ALL if name not in {"churn", "personas"}
    ]
    assert stages.train_items(replace(trained, retrain=True)) == ALL
    for model in ("churn", "personas"):
        assert stages.train(trained, model).status == "unchanged"
        assert stages.score(trained, model).status == "unchanged"
    assert rows(trained.settings, "select * from ml.scores order by all") == before
    assert [str(v.version) for v in Tracker(trained.settings, "churn").versions()] == ["1"]


def test_a_model_of_the_same_number_in_a_wiped_mlflow_is_another(trained: RunContext) -> None:
    tracker = Tracker(trained.settings, "churn")
    champion = tracker.at_alias()
    before = rows(trained.settings, "select profile_id, score from ml.scores order by all")
    for key, status in (
        ("another", "done"),
        ("another", "unchanged"),
        (champion.tags["segmentry.key"], "done"),
    ):
        tracker.client.set_model_version_tag(
            tracker.registered, champion.version, "segmentry.key", key
        )
        assert stages.score(trained, "churn").status == status
    assert rows(trained.settings, "select profile_id, score from ml.scores order by all") == before


def test_a_champion_whose_files_are_missing_is_trained_again(trained: RunContext) -> None:
    tracker = Tracker(trained.settings, "churn")
    champion = tracker.at_alias()
    key = champion.tags["segmentry.key"]
    (file,) = (trained.settings.mlflow_artifacts / "segmentry" / "churn").rglob("model.skops")
    assert tracker.finished(key) is not None
    aside = file.rename(file.with_suffix(".aside"))
    assert tracker.at_alias() is None
    assert tracker.finished(key) is None
    assert "churn" in stages.train_items(trained)
    assert stages.score(trained, "churn").status == "skipped"
    aside.rename(file)
    assert "churn" not in stages.train_items(trained)


def test_people_between_two_personas_are_put_up_for_review(trained: RunContext) -> None:
    torn = rows(
        trained.settings, "select profile_id from ml.cluster_assignments where status = 'ambiguous'"
    )
    cases = rows(
        trained.settings,
        "select profile_id, doubt, evidence from ml.reviews where model = 'personas'",
    )
    print(len(torn), "between two personas;", *cases[:1])
    assert len(cases) == min(len(torn), reviews.CASES)
    assert {case[0] for case in cases} <= {person[0] for person in torn}


def test_verdicts_on_personas_count_at_once_and_in_the_next_training(trained: RunContext) -> None:
    tracker = Tracker(trained.settings, "personas")
    before = rows(trained.settings, "select * from ml.cluster_assignments order by all")
    sure = rows(
        trained.settings,
        "select profile_id, persona from ml.cluster_assignments where status = 'member' order"
        " by all",
    )
    names = sorted({str(persona) for _, persona in sure})
    # The verdicts on forty people who are clearly of one persona name the first of the others.
    verdicts = {
        str(profile): next(name for name in names if name != persona)
        for profile, persona in sure[:40]
    }
    path = trained.settings.home / "reviews" / "personas.csv"
    path.parent.mkdir(exist_ok=True)
    lines = [f"{profile},2026-06-30,{persona}" for profile, persona in verdicts.items()]
    path.write_text("\n".join(["profile_id,as_of,verdict", *lines]), encoding="utf-8")
    print(notes := stages.score(trained, "personas").notes)
    assert "verdicts on 40 people count; the groups alone agree with 0 of them" in notes
    now = rows(
        trained.settings,
        "select profile_id, persona, confidence from ml.cluster_assignments where status ="
        " 'reviewed'",
    )
    assert sorted(now) == sorted((profile, persona, 1.0) for profile, persona in verdicts.items())
    assert stages.train(trained, "personas").status != "unchanged"
    run = tracker.client.get_run(tracker.versions()[0].run_id)
    held_out = run.data.metrics["verdicts_held_back"]
    print(
        "verdicts held out",
        held_out,
        "gain",
        run.data.metrics["verdict_gain"],
        run.data.params["algorithm"],
    )
    assert run.data.metrics["verdicts"] == 40
    assert 5 <= held_out <= 30
    assert run.data.params["algorithm"] == "continued"
    assert str(tracker.at_alias().version) == "1"  # wrong verdicts make no champion
    assert (
        impact.of_promotion(trained, "personas", None).segments == []
    )  # no profiles to be members yet
    path.write_text("profile_id,as_of,verdict\np1,2026-06-30,Nobody\n", encoding="utf-8")
    with pytest.raises(UsageError, match="not valid"):
        stages.score(trained, "personas")
    path.unlink()
    stages.score(trained, "personas")
    assert rows(trained.settings, "select * from ml.cluster_assignments order by all") == before
    tracker.client.delete_model_version(tracker.registered, tracker.versions()[0].version)


def test_runs_record_what_they_were_made_from(trained: RunContext) -> None:
    tracker = Tracker(trained.settings, "churn")
    run = tracker.client.get_run(tracker.at_alias().run_id)
    assert run.data.tags["segmentry.as_of"] == small_lake.CLOCK.isoformat()
    assert int(run.data.tags["segmentry.snapshot_id"]) > 0
    assert run.inputs.dataset_inputs
    names = {a.path for a in tracker.client.list_artifacts(run.info.run_id)}
    assert {"evaluation.png", "model_card.md", "training_set.sql"} <= names
    assert (
        run.data.metrics["test_roc_auc_low"]
        < run.data.metrics["test_roc_auc"]
        < run.data.metrics["test_roc_auc_high"]
    )
    card = Path(tracker.client.download_artifacts(run.info.run_id, "model_card.md")).read_text(
        encoding="utf-8"
    )
    assert not re.search(r"\bp\d{6}\b", card)


def test_the_champion_predicts_through_mlflow_as_it_does_here(trained: RunContext) -> None:
    import mlflow

    tracker = Tracker(trained.settings, "churn")
    served = mlflow.pyfunc.load_model("models:/segmentry.churn@champion")
    example = served.input_example
    assert isinstance(example, pd.DataFrame)
    own = tracker.load(tracker.at_alias()).predict_proba(example)
    assert np.allclose(served.predict(example), own)


def test_a_half_written_run_is_closed_and_never_champion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = RunContext(settings_in(tmp_path, 800, trials=0))

    def killed(*_: object, **__: object) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(labelled, "log_model", killed)
        with pytest.raises(KeyboardInterrupt):
            stages.train(context, "churn")
    tracker = Tracker(context.settings, "churn")
    assert tracker.versions() == []
    assert stages.score(context, "churn").status == "skipped"
    stages.train(context, "churn")
    assert [str(v.version) for v in tracker.versions()] == ["1"]


def test_a_worse_challenger_is_refused_and_a_rollback_restores_the_scores(tmp_path: Path) -> None:
    context = RunContext(settings_in(tmp_path, SIZE, trials=0))
    stages.train(context, "churn")
    stages.score(context, "churn")
    sql = "select profile_id, score, model_version from ml.scores order by all"
    first = rows(context.settings, sql)
    tracker = Tracker(context.settings, "churn")
    data = ProbabilityTrainer(churn()).training_set(context)
    with tracker.run("a model that knows nothing", {"segmentry.key": "x"}) as run:
        know_nothing = pipeline.build(DummyClassifier(strategy="prior"), data.feature_set)
        log_model(
            know_nothing.fit(data.train.features, data.train.labels),
            data.test.features[:3],
            classifies=True,
        )
    version = tracker.version_of(tracker.client.get_run(run.info.run_id))
    with pytest.raises(GateFailed, match="better than the champion"):
        lifecycle.promote(context, "churn", str(version.version))
    promotion.promote(tracker, version, "test")
    stages.score(context, "churn")
    assert rows(context.settings, sql) != first
    # A report is about the champion's own figures, not about those of another version.
    (note,) = stages.train(context, "churn").notes
    assert note.startswith("churn 2 stays champion (no figures")
    lifecycle.rollback(context, "churn")
    assert rows(context.settings, sql) == first
    (note,) = stages.train(context, "churn").notes
    assert re.fullmatch(
        r"churn 1 stays champion \(test AUC 0\.\d+ \[0\.\d+, 0\.\d+\] against .*\)", note
    )
    with pytest.raises(NotReadyError, match="no former champion"):
        lifecycle.rollback(context, "churn")


def test_a_planted_leak_stops_the_training(tmp_path: Path) -> None:
    context = RunContext(settings_in(tmp_path, 900))
    with warehouse.connect(context.settings) as lake:
        lake.execute("alter table features.features__orders add column returns_later double")
        lake.execute(
            "update features.features__orders set returns_later = (select count(*) from"
            " marts.orders where orders.profile_id = features__orders.profile_id and"
            " orders.ordered_at >= features__orders.as_of and orders.ordered_at <"
            " features__orders.as_of + interval 90 day)"
        )
    with pytest.raises(GateFailed, match="returns_later alone predicts the outcome"):
        stages.train(context, "churn")


def test_a_person_on_two_sides_and_a_time_to_come_are_leaks(trained: RunContext) -> None:
    with frames.published(trained.settings) as (lake, snapshot):
        data = dataset.load(lake, snapshot, churn(), small_lake.CLOCK, TrainingPolicy())
        leakage.check(lake, data)
    twice = replace(data, test=data.train)
    assert any("both train and test" in fault for fault in leakage.shared_people(twice))
    assert any("not later" in fault for fault in leakage.shared_people(twice))
    early = replace(data.train, features=data.train.features.assign(days_since_last_order=-1.0))
    assert leakage.negative_ages(replace(data, train=early))


def test_the_last_fit_sees_the_newest_time_and_nobody_who_is_tested_on(trained: RunContext) -> None:
    with frames.published(trained.settings) as (lake, snapshot):
        data = dataset.load(
            lake, snapshot, churn(), small_lake.CLOCK, TrainingPolicy.read(trained.settings)
        )
    assert data.recent is not None
    newest = data.test.keys["as_of"].unique().tolist()
    tested = set(data.test.keys["profile_id"])
    for part, older in zip(data.recent, (data.train, data.validation), strict=True):
        assert part.keys["as_of"].unique().tolist() == newest
        assert not tested & set(part.keys["profile_id"])
        assert len(dataset.joined(older, part)) == len(older) + len(part)
    leak = replace(data, recent=(data.test, data.recent[1]))
    assert any("both train and test" in fault for fault in leakage.shared_people(leak))


@pytest.mark.parametrize(
    ("spoil", "reason", "scored"),
    [
        ("delete from marts.orders where profile_id > 'p000030'", "at least 200 rows", "done"),
        (
            "delete from marts.orders where ordered_at >= timestamp '2026-02-01'",
            "of the rarer outcome",
            "done",
        ),
        (
            "delete from features.spine where as_of < timestamp '2026-06-01'",
            "at least 2 are needed",
            "skipped",
        ),
    ],
)
def test_thin_data_are_refused_with_a_reason_and_the_job_goes_on(
    tmp_path: Path, spoil: str, reason: str, scored: str
) -> None:
    context = RunContext(settings_in(tmp_path, 700))
    with warehouse.connect(context.settings) as lake:
        lake.execute(spoil)
    report = stages.train(context, "churn")
    print(report.notes)
    assert report.status == "refused"
    assert reason in report.notes[0]
    # The plain rule gives the scores, where any outcome is known.
    assert stages.score(context, "churn").status == scored
    if scored == "done":
        versions = rows(context.settings, "select distinct model_version from ml.scores")
        assert versions == [("rule",)]
    tracker = Tracker(context.settings, "churn")
    (run,) = tracker.client.search_runs([tracker.experiment])
    assert reason in run.data.tags["segmentry.refused"]
    stages.train(context, "churn")
    assert len(tracker.client.search_runs([tracker.experiment])) == 1


def test_infinite_constant_unknown_and_unseen_values_are_sound(trained: RunContext) -> None:
    tracker = Tracker(trained.settings, "churn")
    model = tracker.load(tracker.at_alias())
    names = [str(n) for n in model.feature_names_in_]
    assert not {"constant", "never_known"} & set(names)
    with frames.published(trained.settings) as (lake, _):
        feature_set = frames.feature_set(lake, include=("*",), exclude=(), max_categories=25)
        lake.execute(
            "create temp table keyed as select profile_id, as_of from features.spine order by all"
            " limit 1"
        )
        people = lake.execute(feature_set.select("keyed")).df()
    people["last_country"] = "a country never seen"
    people[feature_set.numbers] = np.nan
    assert np.isfinite(model.predict_proba(columns.expected_columns(model, people))).all()
    infinite = frames.Feature("x", "t", is_number=True).sql()
    with warehouse.connect(trained.settings, read_only=True) as lake:
        assert lake.execute(
            f"select {infinite} from (select 'inf'::double as x) as t"
        ).fetchone() == (None,)


def test_wrong_names_list_the_allowed_ones(trained: RunContext, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no model 'chrun'") as error:
        stages.train(trained, "chrun")
    assert "churn" in error.value.allowed
    with pytest.raises(UsageError, match="no version '99'"):
        lifecycle.promote(trained, "churn", "99")
    broken = settings_in(tmp_path, 0, retrain_after_weeks=1)
    with pytest.raises(ConfigError, match="retrain_after_weeks"):
        TrainingPolicy.read(broken)
