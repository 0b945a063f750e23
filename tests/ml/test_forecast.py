"""Amounts and choices: trained, judged against a plain rule, scored into the lake with their
outcome.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml

from ml import stages
from ml.data import dataset, frames
from ml.data.dataset import Part
from ml.evaluate import intervals, losses
from ml.fit import pipeline
from ml.lifetime import LifetimeValue
from ml.policy import TrainingPolicy
from ml.registry import catalogue
from ml.registry.tracking import Tracker
from ml.spec import ForecastSpec
from ml.trainers.forecast import ForecastTrainer
from segmentry import warehouse
from segmentry.stages import RunContext
from tests.ml import small_lake
from tests.ml.small_lake import rows, settings_in

pytestmark = pytest.mark.slow

MODELS = ("clv", "next_order", "next_category")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> RunContext:
    context = RunContext(
        settings_in(tmp_path_factory.mktemp("forecast"), 1500, max_total_error=0.5)
    )
    # The buyers of the small lake change within 90 days; the gate on drift has tests of its own.
    file = context.settings.config / "policies.yml"
    policies = yaml.safe_load(file.read_text(encoding="utf-8"))
    policies["drift"]["psi_alarm"] = 10.0
    file.write_text(yaml.safe_dump(policies), encoding="utf-8")
    with warehouse.connect(context.settings) as lake:
        # The last purchase must predict less than all features together, or no model could beat the
        # plain rule.
        lake.execute(
            "update lake.features.features__behaviour set top_purchased_category = 'Garden' "
            "where hash(profile_id || as_of) % 3 = 0"
        )
    for model in MODELS:
        print(*stages.train(context, model).notes)
        stages.score(context, model)
    return context


def spec(name: str) -> ForecastSpec:
    found = catalogue.spec_named(name)
    assert isinstance(found, ForecastSpec)
    return found


@pytest.mark.parametrize("model", MODELS)
def test_a_forecast_beats_its_rule_and_scores_every_customer(
    trained: RunContext, model: str
) -> None:
    tracker = Tracker(trained.settings, model)
    champion = tracker.at_alias()
    assert champion is not None, [v.tags for v in tracker.versions()]
    scored = rows(
        trained.settings,
        f"select count(*), min(score), max(score) from ml.scores where model = '{model}'",
    )
    buyers = rows(trained.settings, "select count(distinct profile_id) from marts.orders")
    assert scored[0][0] == buyers[0][0]
    lowest = float(str(scored[0][1]))
    highest = float(str(scored[0][2]))
    assert lowest >= 0
    assert highest <= {"clv": 1e6, "next_order": 90.5, "next_category": 1.0}[model]
    assert stages.train(trained, model).status == stages.score(trained, model).status == "unchanged"


def test_the_most_likely_category_is_the_taste_people_have(trained: RunContext) -> None:
    truth = (
        small_lake.people(1500)
        .set_index("profile_id")["persona"]
        .map(dict(enumerate(small_lake.TASTES)))
    )
    with warehouse.connect(trained.settings, read_only=True) as lake:
        found = lake.execute(
            "select profile_id, outcome from ml.scores where model = 'next_category'"
        ).df()
    assert (found["outcome"].to_numpy() == truth[found["profile_id"]].to_numpy()).mean() > 0.9
    assert rows(
        trained.settings,
        "select count(*) from ml.scores where model <> 'next_category' and outcome is not null",
    )
    assert rows(trained.settings, "select count(outcome) from ml.scores where model = 'clv'") == [
        (0,)
    ]


def test_a_worse_forecast_is_refused(trained: RunContext) -> None:
    policy = TrainingPolicy(resamples=100, max_total_error=0.5)
    with frames.published(trained.settings) as (lake, snapshot):
        data = dataset.load(lake, snapshot, spec("clv"), small_lake.CLOCK, policy)
    good = Tracker(trained.settings, "clv").load(Tracker(trained.settings, "clv").at_alias())
    clv = ForecastTrainer(spec("clv"))
    rule = clv.rule(data)
    refused = clv.judge(rule, good, data, policy)
    print(refused.failures)
    assert "better than the heuristic" in refused.failures
    assert "better than the champion" in refused.failures
    lost = replace(data, test=replace(data.test, labels=data.test.labels * 3))
    assert "total" in clv.judge(good, None, lost, policy).failures


def test_the_lifetime_model_is_served_with_its_own_file_alone(trained: RunContext) -> None:
    from ml.registry.tracking import own_code

    table = pd.DataFrame(
        {
            "orders_lifetime": [1.0, 3, 8, 2] * 40,
            "days_since_first_order": [80.0, 90, 150, 60] * 40,
            "days_since_last_order": [80.0, 10, 5, 30] * 40,
            "average_order_value": np.linspace(10, 90, 160),
        }
    )
    feature_set = frames.FeatureSet(
        tuple(frames.Feature(str(name), "t", is_number=True) for name in table)
    )
    model = pipeline.build(LifetimeValue(), feature_set).fit(table, np.ones(len(table)))
    forecast = model.predict(table)
    assert (forecast > 0).all()
    assert forecast.std() > 0
    with own_code(model) as code:
        assert code is not None
    with own_code(pipeline.amount_heuristic("orders_lifetime")) as code:
        assert code is None


def test_losses_want_the_mean_and_the_chance_right() -> None:
    random = np.random.default_rng(1)
    amounts = random.exponential(40, 4000) * (random.random(4000) < 0.4)
    at = {
        forecast: losses.deviance(amounts, np.full(4000, forecast)).mean()
        for forecast in (8.0, float(amounts.mean()), 32.0)
    }
    assert min(at, key=lambda forecast: at[forecast]) == float(amounts.mean())
    assert np.isfinite(losses.deviance(amounts, np.zeros(4000))).all()
    labels = np.array(["a", "b", "never seen"], dtype=object)
    part = Part(pd.DataFrame(), pd.DataFrame({"x": ["a", "b", "b"]}), labels)
    model = pipeline.choice_heuristic("x").fit(
        pd.DataFrame({"x": ["a", "b"] * 20}), np.array(["a", "b"] * 20)
    )
    found = losses.each(model, part)
    assert found[2] > 10 > found[0]


@pytest.mark.parametrize("model", MODELS)
def test_a_run_has_figures_the_chosen_parameters_and_what_it_read(
    trained: RunContext, model: str
) -> None:
    tracker = Tracker(trained.settings, model)
    champion = tracker.at_alias()
    assert champion is not None
    run = tracker.client.get_run(champion.run_id)
    assert tracker.has_artifact(champion.run_id, "evaluation.png")
    assert run.data.params["candidate"]
    assert any(name.startswith("estimator_") for name in run.data.params)
    assert run.data.metrics["search_fits"] >= 1
    assert run.data.metrics["search_gain"] >= 0
    assert run.data.tags["segmentry.policy"]
    given = run.inputs.dataset_inputs if run.inputs else []
    counted = {each.tags[0].value: str(each.dataset.profile) for each in given}
    for context, part in (("training", "train"), ("validation", "validation"), ("test", "test")):
        assert f'"num_rows": {run.data.params[f"{part}_rows"]},' in counted[context]


@pytest.mark.parametrize("model", ["clv", "next_order"])
def test_intervals_of_single_people_cover_what_came(trained: RunContext, model: str) -> None:
    tracker = Tracker(trained.settings, model)
    champion = tracker.at_alias()
    assert champion is not None
    kept = tracker.artifact(champion.run_id, intervals.ARTIFACT)
    covered = kept["coverage"]
    print(model, covered, kept["bands"])
    # Who orders nothing has exactly the end of an interval, so more than the share are inside.
    assert covered["high"] >= intervals.SHARE
    assert "What people come to" in tracker.run_of(champion).data.tags["mlflow.note.content"]
