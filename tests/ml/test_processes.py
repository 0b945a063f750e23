"""Scoring in several processes returns the same as in one, even if one of them dies."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from ml import processes
from ml.evaluate import answers
from ml.registry import catalogue
from ml.trainers.probability import ProbabilityTrainer


def test_slices_cover_all_rows_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "ALONE_BELOW", 10)
    for rows in (0, 1, 19, 20, 101):
        parts = processes.slices(rows, most=4)
        assert [n for part in parts for n in range(rows)[part]] == list(range(rows))
    assert len(processes.slices(101, most=4)) == 4
    assert len(processes.slices(19, most=4)) == 1


def test_several_processes_return_what_one_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    rows = pd.DataFrame(random.normal(size=(400, 3)), columns=list("abc"))
    model = HistGradientBoostingClassifier(max_iter=5).fit(rows, rows["a"] > 0)
    ask = ProbabilityTrainer(catalogue.spec_named("churn")).asked(model)
    alone = answers.of_all(ask, rows).scores
    monkeypatch.setattr(
        processes, "slices", lambda count: [slice(0, 100), slice(100, 150), slice(150, count)]
    )
    assert (answers.of_all(ask, rows).scores == alone).all()


def test_the_part_of_a_process_that_died_is_done_here() -> None:
    parent = os.getpid()

    def work(part: slice) -> tuple[int, bool]:
        if os.getpid() != parent and part.start == 1:
            os.kill(os.getpid(), 9)
        return part.start, os.getpid() == parent

    found = processes.each(work, [slice(0, 1), slice(1, 2), slice(2, 3)])
    assert found == [(0, True), (1, True), (2, False)]
