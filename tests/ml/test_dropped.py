"""A candidate that cannot be fitted on the data is left out and reported; the others are
compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from ml import stages
from ml.fit import candidates
from ml.fit.candidates import Candidate
from segmentry.settings import switch_off_telemetry
from segmentry.stages import RunContext
from tests.ml import small_lake


class Broken(ClassifierMixin, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """An estimator that raises what a library may raise."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def fit(self, rows: Any, labels: Any) -> Broken:
        raise self.error or ValueError("ann@example.com is not a number")


class Endless(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """An estimator whose probabilities are no numbers."""

    def fit(self, rows: Any, labels: Any) -> Endless:
        self.classes_ = np.unique(labels)
        return self

    def predict_proba(self, rows: Any) -> Any:
        return np.full((len(rows), 2), np.nan)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunContext]:
    switch_off_telemetry()
    settings = small_lake.settings_of(
        tmp_path_factory.mktemp("dropped"), trials=0, resamples=40, min_rows=100, min_class=20
    )
    small_lake.fill(settings, 700)
    yield RunContext(settings)


def _with(monkeypatch: pytest.MonkeyPatch, *added: Candidate, alone: bool = False) -> None:
    of = candidates.of

    def changed(*words: Any) -> list[Candidate]:
        own = of(*words)
        return [*added] if alone else [own[0], *added]

    monkeypatch.setattr(candidates, "of", changed)


@pytest.mark.parametrize("model", ["clv", "next_category"])
def test_a_candidate_that_raises_is_left_out_and_named(
    lake: RunContext, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    _with(monkeypatch, Candidate("broken", Broken))
    report = stages.train(lake, model)
    assert report.status != "refused", report.notes
    (note,) = [note for note in report.notes if "left out" in note]
    assert note.endswith("broken (ValueError)")
    assert "ann@example.com" not in str(report)


def test_what_was_left_out_is_kept_in_mlflow(
    lake: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    _with(monkeypatch, Candidate("broken", Broken), Candidate("endless", Endless))
    named = "broken (ValueError), endless (its loss is not a number)"
    for _ in range(2):  # the second time nothing is fitted: the note comes from the run's record
        report = stages.train(lake, "churn")
        assert any(note.endswith(named) for note in report.notes), report.notes


def test_without_any_candidate_the_model_is_refused_with_the_reasons(
    lake: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    _with(monkeypatch, Candidate("a", Broken), Candidate("b", Broken), alone=True)
    report = stages.train(lake, "next_order")
    assert report.status == "refused"
    assert "a: ValueError; b: ValueError" in report.notes[0]
