"""Uplift: learnt from a random trial alone, ranked by effect, and spent as a budget allows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cli import main
from ml import stages, targets
from ml.data.trials import LEAST_PEOPLE
from ml.evaluate import targets as measured
from ml.evaluate import uplift
from ml.registry.tracking import Tracker
from segmentry.errors import NotReadyError, UsageError
from segmentry.settings import Settings
from segmentry.stages import RunContext
from segments import definitions
from tests.ml import small_lake
from tests.ml.small_lake import rows, settings_in

ASSIGNED = small_lake.CLOCK - timedelta(days=90)
EFFECTS = np.array([60.0, 10.0, -40.0])  # by persona
ASSIGNMENTS = "measurement.sync_assignments"


def trial_of(size: int, seed: int = 5) -> tuple[uplift.RandomTrial, np.ndarray]:
    """A simulated trial, and the true effect of each person."""
    random = np.random.default_rng(seed)
    truth = random.normal(0.5, 1, size)
    treated = random.random(size) < 0.7
    return uplift.RandomTrial(treated, random.normal(3, 1, size) + treated * truth), truth


def test_qini_knows_a_good_ranking_from_a_random_and_from_a_reversed_one() -> None:
    trial, truth = trial_of(4000)
    noise = np.random.default_rng(1).normal(size=len(truth))
    good, chance, reversed_ = (uplift.qini(trial, one) for one in (truth, noise, -truth))
    assert good.low > 0
    assert chance.low < 0 < chance.high
    assert reversed_.high < 0
    assert uplift.qini_gain(trial, truth, noise).low > 0


def test_uplift_of_all_is_the_difference_of_means_and_the_first_share_has_more() -> None:
    trial, truth = trial_of(4000)
    plain = trial.outcome[trial.treated].mean() - trial.outcome[~trial.treated].mean()
    assert uplift.uplift_at(trial, truth, 1.0).value == pytest.approx(plain)
    first = uplift.uplift_at(trial, truth, 0.2)
    best = truth[truth >= np.quantile(truth, 0.8)].mean()
    assert first.low < best < first.high
    fifths = uplift.calibration(trial, truth)
    assert sum(one.people for one in fifths) == 4000
    assert all(one.measured.low < one.predicted < one.measured.high for one in fifths)


def test_the_propensity_check_states_its_figure() -> None:
    random = np.random.default_rng(2)
    treated = random.random(800) < 0.3
    assert uplift.assignment(treated, random.random(800)).is_random
    chosen = uplift.assignment(treated, random.random(800) + 0.3 * treated)
    assert not chosen.is_random
    assert f"AUC {chosen.auc:.3f}" in str(chosen)


@pytest.mark.parametrize(
    ("budget", "limit"),
    [(1.0, 5.0), (2.0, 4.0), (2.9, 4.0), (3.0, 4.0), (4.0, 3.0), (99.0, 3.0), (0.5, None)],
)
def test_a_budget_buys_the_best_people_whose_effect_is_above_the_cost(
    budget: float, limit: float | None
) -> None:
    scores = np.array([0.5, 3.0, 5.0, 4.0, 3.0, -2.0])
    assert measured.threshold(scores, budget, cost=1.0) == limit


def home(folder: Path, *, is_random: bool = True, size: int = 2500) -> Settings:
    """A lake with a trial of half of the people, whose effects depend on the persona."""
    settings = settings_in(folder, 0)
    truth = small_lake.fill(settings, size)
    random = np.random.default_rng(11)
    chance = 0.5 if is_random else 0.3 + 0.2 * truth["persona"].to_numpy()
    treated = random.random(size) < chance
    ids = truth["profile_id"].to_numpy()
    assigned = pd.DataFrame(
        {"sync": "spring", "destination": "mail", "draw": "spring:0.5", "profile_id": ids,
         "variant": np.where(treated, "sent", "held_out"), "assigned_at": ASSIGNED}
    )  # fmt: skip
    small_lake.write(settings, ASSIGNMENTS, assigned)
    amount = 50 + random.normal(0, 10, size) + treated * EFFECTS[truth["persona"].to_numpy()]
    bought = pd.DataFrame(
        {"profile_id": ids, "ordered_at": ASSIGNED + timedelta(days=3), "net_revenue": amount,
         "is_cancelled": False, "order_id": [f"t{n}" for n in range(size)]}
    )  # fmt: skip
    known = pd.DataFrame(
        rows(settings, "select profile_id, ordered_at, net_revenue, is_cancelled, order_id"
             " from marts.orders"), columns=list(bought),
    )  # fmt: skip
    small_lake.write(settings, "marts.orders", pd.concat([known, bought], ignore_index=True))
    return settings


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> RunContext:
    context = RunContext(home(tmp_path_factory.mktemp("uplift")))
    print(*stages.train(context, "uplift").notes)
    stages.score(context, "uplift")
    return context


@pytest.mark.slow
def test_scores_rank_people_by_their_true_effect(trained: RunContext) -> None:
    champion = Tracker(trained.settings, "uplift").at_alias()
    assert champion is not None
    scored = dict(
        rows(trained.settings, "select profile_id, score from ml.scores where model = 'uplift'")
    )
    truth = small_lake.people(2500).set_index("profile_id")["persona"]
    true = EFFECTS[truth.loc[list(scored)].to_numpy()]
    correlation = np.corrcoef(np.array(list(scored.values()), dtype=float), true)[0, 1]
    print(f"correlation of score and true effect: {correlation:.3f}")
    assert correlation > 0.8
    assert stages.score(trained, "uplift").status == "unchanged"
    assert stages.train(trained, "uplift").status == "unchanged"


@pytest.mark.slow
def test_a_budget_becomes_two_segments_with_the_expected_gain(
    trained: RunContext, tmp_path: Path
) -> None:
    persuade, disturb = targets.choose(trained.settings, "uplift", budget=300, cost=2.0)
    assert 148 <= persuade.people <= 150  # a rule is rounded up, never above the budget
    assert persuade.cost <= 300
    assert persuade.effect.low < 60 < persuade.effect.high
    assert persuade.gain.value == pytest.approx(persuade.people * (persuade.effect.value - 2))
    assert disturb.people > 0
    assert disturb.gain.low > 0
    project = tmp_path / "dbt_project"
    (project / "models" / "segments").mkdir(parents=True)
    written = targets.write(replace(trained.settings, dbt_project=project), [persuade, disturb])
    words = definitions.vocabulary(trained.settings)
    found = [definitions.load(path, words) for path in written if path.suffix == ".sql"]
    assert [one.name for one in found] == ["uplift_persuadables", "uplift_do_not_disturb"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "budget", "cost"),
    [("uplift", -1, 0.1), ("uplift", 10, 0), ("uplift", float("nan"), 1), ("churn", 10, 1)],
)
def test_a_budget_that_means_nothing_is_refused(
    trained: RunContext, model: str, budget: float, cost: float
) -> None:
    with pytest.raises(UsageError) as refused:
        targets.choose(trained.settings, model, budget, cost)
    assert refused.value.allowed


@pytest.mark.slow
def test_a_treatment_that_was_not_random_is_refused_with_the_figure(tmp_path: Path) -> None:
    context = RunContext(home(tmp_path, is_random=False, size=700))
    report = stages.train(context, "uplift")
    assert report.status == "refused"
    assert "not random" in report.notes[0]
    assert "AUC 0." in report.notes[0]
    assert Tracker(context.settings, "uplift").at_alias() is None


@pytest.mark.slow
def test_the_job_goes_on_without_a_trial_or_with_a_small_one(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, 60)
    context = RunContext(settings)
    assert stages.train(context, "uplift").status == "refused"
    few = pd.DataFrame(
        {"sync": "s", "destination": "d", "draw": "s:0.5", "profile_id": ["p000001", "p000002"],
         "variant": ["sent", "held_out"], "assigned_at": ASSIGNED}
    )  # fmt: skip
    small_lake.write(settings, ASSIGNMENTS, few)
    report = stages.train(context, "uplift")
    assert report.status == "refused"
    assert f"at least {LEAST_PEOPLE} of each" in report.notes[0]
    assert stages.score(context, "uplift").status == "skipped"
    with pytest.raises(NotReadyError):
        targets.choose(settings, "uplift", 10, 1)


@pytest.mark.slow
def test_the_command_prints_the_gain_and_refuses_an_ordinary_model(
    trained: RunContext, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEGMENTRY_HOME", str(trained.settings.home))
    monkeypatch.setenv("SEGMENTRY_CONFIG", str(trained.settings.config))
    words = ["models", "target", "uplift", "--budget", "300", "--cost", "2", "--output", "json"]
    assert main.run(words) == 0
    assert "uplift_persuadables" in capsys.readouterr().out
    assert main.run(["models", "target", "churn", "--budget", "300", "--cost", "2"]) == 2
