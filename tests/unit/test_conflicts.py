"""Work that another writer of the lake was quicker than is done again; any other fault is not."""

from __future__ import annotations

from types import SimpleNamespace

import duckdb
import pytest

from segmentry import faults, jobs
from segmentry.errors import DestinationError
from segmentry.settings import Settings
from segmentry.stages import RunContext, StageReport

CONFLICTS = (
    duckdb.TransactionException(
        "TransactionContext Error: Failed to commit: Transaction conflict - attempting to create"
        ' table "scores" in schema "ml"'
    ),
    duckdb.TransactionException("Failed to commit DuckLake transaction."),
    RuntimeError("ERROR: could not serialize access due to concurrent update"),
)
OTHERS = (
    ValueError("conflict"),
    duckdb.ConversionException("Could not convert string to INT32"),
    DestinationError(
        "the tool answered: transaction conflict", allowed="an answer", remedy="look there"
    ),
)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []
    monkeypatch.setattr("segmentry.jobs.time.sleep", pauses.append)
    return pauses


def outcome_of(
    home: Settings, *faults_first: Exception, is_optional: bool = False
) -> tuple[jobs.StageOutcome, int]:
    """How a stage ends that meets these errors, one at each attempt, and its attempts."""
    waiting = list(faults_first)
    attempts: list[int] = []

    def run(_context: RunContext, _item: str | None) -> StageReport:
        attempts.append(1)
        if waiting:
            raise waiting.pop(0)
        return StageReport({"ml.scores": 7})

    stage = SimpleNamespace(name="score", is_optional=is_optional, run=run)
    return jobs.attempt(stage, RunContext(home), "churn"), len(attempts)  # type: ignore[arg-type]


@pytest.mark.parametrize("error", CONFLICTS, ids=range(len(CONFLICTS)))
@pytest.mark.parametrize("is_optional", [False, True])
def test_what_met_another_writer_is_done_again(
    home: Settings, error: Exception, is_optional: bool, no_pauses: list[float]
) -> None:
    outcome, attempts = outcome_of(home, error, error, is_optional=is_optional)
    assert (outcome.state, outcome.exit_code, dict(outcome.rows)) == ("done", 0, {"ml.scores": 7})
    assert attempts == 3 and len(no_pauses) == 2 and no_pauses[0] < no_pauses[1]


def test_a_conflict_is_found_behind_the_error_that_it_caused(home: Settings) -> None:
    try:
        raise RuntimeError("the scores were not written") from CONFLICTS[0]
    except RuntimeError as error:
        outcome, attempts = outcome_of(home, error)
    assert (outcome.state, attempts) == ("done", 2)


def test_a_conflict_that_does_not_end_is_a_failure(home: Settings) -> None:
    outcome, attempts = outcome_of(home, *[CONFLICTS[0]] * 9)
    assert (outcome.state, outcome.exit_code) == ("failed", 1)
    assert attempts == len(jobs.PAUSES) + 1 and "TransactionException" in (outcome.error or "")


@pytest.mark.parametrize("error", OTHERS, ids=range(len(OTHERS)))
def test_no_other_fault_is_tried_again(home: Settings, error: Exception) -> None:
    assert not faults.is_conflict(error)
    outcome, attempts = outcome_of(home, error)
    assert (outcome.state, attempts) == ("failed", 1)
