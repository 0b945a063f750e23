"""One model never stops the job: what fails in a model is reported, and the stages behind it
run.
"""

from __future__ import annotations

import errno
import os

import pytest

from ml import stages as ml_stages
from segmentry import jobs
from segmentry.errors import GateFailed, NotReadyError
from segmentry.settings import Settings
from segmentry.stages import STAGES, RunContext, Stage, StageReport, stage_named

RAN: list[str] = []


def behind(context: RunContext) -> StageReport:
    """A stage that notes that it ran."""
    RAN.append("behind")
    return StageReport()


@pytest.fixture(autouse=True)
def _nothing_ran() -> None:
    RAN.clear()


BEHIND = Stage("profiles", "publish", f"{__name__}:behind")


def _job(
    home: Settings, monkeypatch: pytest.MonkeyPatch, name: str, error: Exception
) -> list[jobs.StageOutcome]:
    def work(context: RunContext, model: str) -> StageReport:
        if model == "churn":
            raise error
        RAN.append(model)
        return StageReport(rows={"rows": 1})

    monkeypatch.setattr(ml_stages, f"{name}_items", lambda context: ["churn", "clv", "upsell"])
    monkeypatch.setattr(ml_stages, name, work)
    return list(jobs.run([stage_named(name), BEHIND], RunContext(home)))


@pytest.mark.parametrize("name", ["train", "score"])
@pytest.mark.parametrize(
    "error",
    [
        ValueError("Input X contains NaN"),
        ZeroDivisionError("division by zero"),
        GateFailed("the training set knows the future"),
        NotReadyError("features are missing", remedy="run them"),
        KeyError("average_order_value"),
        MemoryError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_model_that_fails_is_reported_and_the_others_and_the_next_stage_run(
    home: Settings, monkeypatch: pytest.MonkeyPatch, name: str, error: Exception
) -> None:
    outcomes = _job(home, monkeypatch, name, error)
    assert RAN == ["clv", "upsell", "behind"]
    failed = outcomes[0]
    assert (failed.name, failed.state, failed.exit_code) == (f"{name}[churn]", "done", 1)
    assert failed.notes[0].startswith("failed, what it made before stays in use: ")
    assert jobs.exit_code(outcomes) == 1
    assert [outcome.exit_code for outcome in outcomes[1:]] == [0, 0, 0]


def test_the_text_of_an_error_that_may_quote_a_record_is_not_in_the_report(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = _job(home, monkeypatch, "train", ValueError("ann@example.com"))
    assert "ann@example.com" not in str(outcomes)
    assert "ValueError" in outcomes[0].notes[0]


def test_a_full_disk_ends_the_job(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    outcomes = _job(home, monkeypatch, "score", full)
    assert outcomes[0].state == jobs.FAILED
    assert "behind" not in RAN


def test_models_alone_are_optional() -> None:
    assert [stage.name for stage in STAGES if stage.is_optional] == ["train", "score"]
