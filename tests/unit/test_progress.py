"""Progress within a stage: n of m with the time left, on the printer of a terminal and in Python's
log, and few lines however many steps there are.
"""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest

from segmentry import dbt_log, progress


class Time:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    moved = Time()
    monkeypatch.setattr(progress, "time", moved)
    return moved


def lines_of(time: Time, steps: int, seconds_each: float, **options: float) -> list[str]:
    found: list[str] = []
    counted = progress.StepCount("rows", steps, **options)
    with progress.printed_by(found.append):
        for _ in range(steps):
            time.now += seconds_each
            counted.advance()
    return found


def test_a_line_has_the_steps_done_and_the_time_left(time: Time) -> None:
    assert lines_of(time, 12, 3.0)[0] == "4 of 12 rows, about 24 s left"


def test_what_is_quick_prints_nothing(time: Time) -> None:
    assert lines_of(time, 900, 0.01) == []


@pytest.mark.parametrize(("steps", "seconds"), [(20_000, 0.36), (360, 20.0)])
def test_two_hours_print_few_lines_and_none_after_the_last_step(
    time: Time, steps: int, seconds: float
) -> None:
    found = lines_of(time, steps, seconds)
    assert 5 <= len(found) <= 20
    assert not any(line.startswith(f"{steps:,} of") for line in found)
    assert found[0].endswith(" left")
    assert " h " in found[0]


def test_work_that_ends_at_a_time_has_no_more_left_than_that(time: Time) -> None:
    found = lines_of(time, 100, 11.0, ends_by=time.now + 60)
    assert found[0] == "1 of 100 rows, about 49 s left"
    assert found[-1].endswith("about 1 s left")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "about 1 s"),
        (41.4, "about 41 s"),
        (59.9, "about 60 s"),
        (150, "about 2 min"),
        (4830, "about 1 h 20 min"),
    ],
)
def test_seconds_are_rounded(seconds: float, words: str) -> None:
    assert progress.spoken(seconds) == words


def test_a_printer_is_asked_within_its_block_alone(time: Time) -> None:
    found = lines_of(time, 3, 20.0)
    assert len(found) == 2
    counted = progress.StepCount("rows", 3)
    time.now += 20
    counted.advance()
    assert len(found) == 2


def event(name: str, total: int = 0, level: str = "info") -> SimpleNamespace:
    return SimpleNamespace(
        info=SimpleNamespace(level=level, name=name, msg=name), data=SimpleNamespace(total=total)
    )


def test_dbt_s_models_and_tests_are_counted_for_terminal_and_task_log(
    time: Time, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[str] = []
    handler = logging.Handler()
    monkeypatch.setattr(handler, "emit", lambda record: logged.append(record.getMessage()))
    log = logging.getLogger("segmentry.progress")
    monkeypatch.setattr(log, "propagate", False)
    monkeypatch.setattr(log.root, "handlers", [handler])
    progress.to_python_log()
    printed: list[str] = []
    write = dbt_log.writer(tmp_path / "dbt.log")
    with progress.printed_by(printed.append):
        time.now += 100  # dbt parses: no model has begun
        for name in ("LogModelResult", "LogTestResult", "LogModelResult"):
            write(event("LogStartLine", 9))
            time.now += 8
            write(event(name, 9))
    assert printed == ["2 of 9 models and tests, about 56 s left"]
    assert logged == printed
