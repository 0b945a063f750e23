"""While no model beats it, the plain rule gives the scores, and its card states it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml import lifecycle, stages
from ml.data.dataset import Part
from ml.registry import promotion
from ml.registry.tracking import Tracker
from ml.trainers import rules
from segmentry.settings import switch_off_telemetry
from segmentry.stages import RunContext
from tests.ml import small_lake
from tests.ml.small_lake import rows

pytestmark = pytest.mark.slow

SIZE = 700
OF_VERSIONS = "select distinct model_version from ml.scores where model = '{}' order by all"


def _home(folder: Path, **training: object) -> RunContext:
    switch_off_telemetry()
    thin: dict[str, object] = {"trials": 0, "resamples": 40, "min_rows": 100, "min_class": 20}
    settings = small_lake.settings_of(folder, **{**thin, **training})
    small_lake.fill(settings, SIZE)
    return RunContext(settings)


@pytest.fixture(scope="module")
def unsure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunContext]:
    """A home whose policy wants more than any model of these people can show."""
    folder = tmp_path_factory.mktemp("rules")
    yield _home(folder, max_seconds_per_100k=-1.0)


@pytest.mark.parametrize("model", ["clv", "next_order", "next_category"])
def test_a_refused_model_leaves_the_scores_of_the_rule(unsure: RunContext, model: str) -> None:
    report = stages.train(unsure, model)
    assert any("plain rule" in note for note in report.notes), report.notes
    assert stages.score(unsure, model).status == "done"
    assert rows(unsure.settings, OF_VERSIONS.format(model)) == [("rule",)]
    (listed,) = [row for row in lifecycle.listing(unsure.settings) if row["model"] == model]
    assert listed["champion"] == "rule"
    assert listed["quality"] is not None
    assert lifecycle.show(unsure.settings, model)[0]["version"] == "rule"
    scored = rows(unsure.settings, f"select count(*) from ml.scores where model = '{model}'")
    assert scored == rows(unsure.settings, "select count(distinct profile_id) from marts.orders")
    measured = f"select distinct model_version from ml.model_metrics where model = '{model}'"
    assert rows(unsure.settings, measured) == [("rule",)]
    # A second time nothing changes.
    assert stages.train(unsure, model).status == "unchanged"
    assert stages.score(unsure, model).status == "unchanged"


def test_a_champion_replaces_the_rule_and_a_rollback_brings_it_back(unsure: RunContext) -> None:
    stages.train(unsure, "churn")
    stages.score(unsure, "churn")
    tracker = Tracker(unsure.settings, "churn")
    rule = tracker.published()
    assert rule is not None
    assert rule.version == "rule"
    card = Path(tracker.client.download_artifacts(rule.run_id, "rule/model_card.md"))
    text = card.read_text(encoding="utf-8")
    assert "latency" in text
    assert "version `rule`" in text
    scores = "select profile_id, score, model_version from ml.scores where model = 'churn'"
    before = sorted(map(str, rows(unsure.settings, scores)))
    promotion.promote(tracker, tracker.versions()[0], "test")
    stages.score(unsure, "churn")
    versions = rows(unsure.settings, OF_VERSIONS.format("churn"))
    assert len(versions) == 1
    assert versions != [("rule",)]
    lifecycle.rollback(unsure, "churn")
    assert sorted(map(str, rows(unsure.settings, scores))) == before
    report = stages.train(unsure, "churn")
    assert tracker.at_alias() is None, report.notes  # what was rolled back is not tried again
    assert "was rolled back" in report.notes[0]


def _part(values: list[Any], labels: list[Any]) -> Part:
    keys = pd.DataFrame({"profile_id": "p", "as_of": [datetime(2026, 1, 1)] * len(labels)})
    kind = object if isinstance(labels[0], str) else None
    return Part(keys, pd.DataFrame({"value": values}), np.array(labels, dtype=kind))


@pytest.mark.parametrize(
    "part",
    [
        _part([1.0], [1]),
        _part([1.0, 2.0, 3.0], [0, 0, 0]),
        _part([float("nan")] * 4, [0, 1, 0, 1]),
        _part([1.0, 2.0], [0.0, 0.0]),
        _part([float("nan")] * 3, [3.0, 4.0, 5.0]),
        _part(["a", "a"], ["Books", "Books"]),
        _part(["a", "b"], ["Books", "Toys"]),
    ],
)
def test_a_rule_can_be_made_of_any_outcomes(part: Part) -> None:
    model, how = rules.fit(part)
    assert how
    if part.labels.dtype.kind == "f":
        assert np.isfinite(model.predict(part.features)).all()
        return
    chances = model.predict_proba(part.features)
    assert np.isfinite(chances).all()
    if part.labels.dtype.kind == "i":
        # Nobody is certain to do anything after a few outcomes.
        assert chances.shape[1] == 2
        assert (chances[:, 1] > 0).all()
        assert (chances[:, 1] < 1).all()
