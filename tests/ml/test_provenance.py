"""Runs in MLflow state where they come from, and a home that was copied has its own runs."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml.fit.search import BestFit, Trial
from ml.policy import TrainingPolicy
from ml.registry import embedded, moved, provenance
from ml.registry.tracking import Tracker, log_model
from ml.trainers import runs
from segmentry.settings import Settings


def test_tags_name_the_version_the_commit_and_the_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    provenance.commit.cache_clear()
    monkeypatch.setenv(provenance.COMMIT_VARIABLE, "0123abc (changed)")
    found = provenance.tags(TrainingPolicy())
    provenance.commit.cache_clear()
    assert found["segmentry.commit"] == "0123abc (changed)"
    assert found["mlflow.source.git.commit"] == "0123abc"
    assert found["segmentry.product_version"] not in {"", provenance.NOT_KNOWN}
    assert found["segmentry.policy"] == provenance.tags(TrainingPolicy())["segmentry.policy"]
    other = provenance.tags(TrainingPolicy(min_silhouette=0.07))
    assert found["segmentry.policy"] != other["segmentry.policy"]


def test_code_outside_a_repository_has_no_commit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    provenance.commit.cache_clear()
    monkeypatch.delenv(provenance.COMMIT_VARIABLE, raising=False)
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    found = provenance.tags(TrainingPolicy())
    provenance.commit.cache_clear()
    assert found["segmentry.commit"] == provenance.NOT_KNOWN
    assert "mlflow.source.git.commit" not in found


def test_what_a_search_gained_over_its_defaults() -> None:
    def found(name: str, *losses: float) -> BestFit:
        trials = [Trial({}, loss, 0.5) for loss in losses]
        return BestFit(name, object(), min(trials, key=lambda t: t.loss), trials)  # type: ignore[arg-type]

    figures = runs.search_figures([found("own", 0.6, 0.55, 0.7), found("linear", 0.58)])
    assert figures["search_fits"] == 4
    assert figures["search_fit_seconds"] == 2.0
    assert figures["search_gain"] == pytest.approx(0.03)


def _train(settings: Settings, rows: int) -> Tracker:
    from sklearn.linear_model import LogisticRegression

    table = pd.DataFrame({"orders": np.arange(float(rows)), "views": np.ones(rows)})
    model: Any = LogisticRegression().fit(table, np.arange(rows) % 2)
    tracker = Tracker(settings, "churn")
    with tracker.run("one", {"segmentry.key": "k"}) as run:
        provenance.log_rows(table, "training", name="churn_rows", digest="d", snapshot=41)
        log_model(model, table.head(3), classifies=True)
    tracker.complete(run.info.run_id)
    version = tracker.version_of(tracker.trained("k"))
    tracker.client.set_registered_model_alias(tracker.registered, "champion", version.version)
    return tracker


def _has_champion(settings: Settings) -> bool:
    return embedded.registry(settings, "churn").at_alias() is not None


@pytest.mark.slow
def test_a_copied_home_has_its_own_models_and_writes_none_of_the_other_s(
    home: Settings, tmp_path: Path
) -> None:
    first = _train(home, 311)
    run_id = first.at_alias("champion").run_id  # type: ignore[union-attr]
    inputs = first.client.get_run(run_id).inputs
    (given,) = inputs.dataset_inputs if inputs else []
    assert '"num_rows": 311' in str(given.dataset.profile)
    assert given.dataset.source_type == "segmentry_lake"
    assert '"snapshot_id": 41' in given.dataset.source
    place = tmp_path / "copied home"
    shutil.copytree(home.home, place)
    shutil.rmtree(home.mlflow_artifacts)
    assert not _has_champion(home)
    other = replace(home, home=place, mlflow_uri=f"sqlite:///{place / 'mlflow' / 'mlflow.db'}")
    assert _has_champion(other)
    assert moved.follow(other) == 0
    tracker = Tracker(other, "churn")
    champion = tracker.at_alias("champion")
    assert champion is not None
    assert tracker.load(champion).predict_proba(np.array([[1.0, 1.0]])).shape == (1, 2)
    with tracker.run("two", {}) as run:
        pass
    assert place.as_uri() in tracker.client.get_run(run.info.run_id).info.artifact_uri
    assert not home.mlflow_artifacts.exists()


def test_a_database_that_is_not_the_home_s_own_stays_as_it_is(
    home: Settings, tmp_path: Path
) -> None:
    shared = replace(home, mlflow_uri=f"sqlite:///{tmp_path / 'shared.db'}")
    assert moved.follow(shared) == 0
    assert moved.follow(replace(home, mlflow_uri="http://127.0.0.1:1")) == 0
    assert not (tmp_path / "shared.db").exists()
