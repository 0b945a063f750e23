"""dbt's log, written by us: dbt's own files would quote values of records.

A process that calls ``to_python_log``, as a task of Airflow does, has a line per model in Python's
log too.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from segmentry import progress
from segmentry.redaction import without_values

# One file before this one is kept: together they cover months of runs.
MOST_BYTES = 10_000_000
_LEVELS = frozenset(("info", "warn", "error"))
# dbt's names of the events "a model, a seed or a snapshot is done".
_DONE = frozenset(("LogModelResult", "LogSeedResult", "LogSnapshotResult"))
_ENDED = _DONE | {"LogTestResult"}
_TASK_LEVELS = {"warn": logging.WARNING, "error": logging.ERROR}
_task_log = logging.getLogger("segmentry.dbt")
# Otherwise a library that sets up Python's log would bring the lines to the terminal.
_task_log.propagate = False
_task_log.addHandler(logging.NullHandler())


def to_python_log() -> None:
    """Let the lines of models, warnings and errors of this process reach Python's log."""
    _task_log.propagate = True
    _task_log.setLevel(logging.INFO)


def writer(path: Path) -> Callable[[Any], None]:
    """A callback for dbt's runner that appends each event from the level info to the file, without
    values, and logs those that state a model's end, a warning or an error. It counts the progress.
    """
    counter = _Counter()
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        if path.stat().st_size > MOST_BYTES:
            path.replace(path.with_name(f"{path.name}.1"))

    def write(event: Any) -> None:
        level = str(event.info.level)
        if level not in _LEVELS:
            return
        counter.count(event)
        text = without_values(event.info.msg)
        time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{time} [{level:<5}] {text}\n")
        if level in _TASK_LEVELS or event.info.name in _DONE:
            _task_log.log(_TASK_LEVELS.get(level, logging.INFO), "%s", text)

    return write


class _Counter:
    """Counts the models and tests of one dbt command, from the start of the first one."""

    def __init__(self) -> None:
        self.steps: progress.StepCount | None = None

    def count(self, event: Any) -> None:
        """Take in an event; dbt states the number of all models and tests with each of them."""
        if self.steps is None and event.info.name == "LogStartLine":
            total = int(getattr(getattr(event, "data", None), "total", 0))
            self.steps = progress.StepCount("models and tests", total)
        elif self.steps is not None and event.info.name in _ENDED:
            self.steps.advance()


def redact_results(path: Path) -> None:
    """Take values out of the messages in dbt's run_results.json, where it was written."""
    with suppress(FileNotFoundError, ValueError):
        content = json.loads(path.read_text(encoding="utf-8"))
        for result in content.get("results", []):
            if result.get("message"):
                result["message"] = without_values(result["message"])
            result.pop("adapter_response", None)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(content), encoding="utf-8")
        partial.replace(path)
