"""Runs stages of the main job and reports the outcome of each: in the same words for a DAG's task
and for the command line.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from segmentry import faults
from segmentry.errors import NotReadyError, SegmentryError, StoppedError, UsageError
from segmentry.stages import WITHDRAWALS, RunContext, Stage, StageReport, sends_after

DONE = "done"
FAILED = "failed"
STOPPED = "stopped"
# Seconds between the attempts at work that another writer was quicker than.
PAUSES = (0.2, 1.0, 3.0, 10.0)


@dataclass(frozen=True)
class StageOutcome:
    """How one stage, or one item of a mapped stage, ended.

    state: done, failed or stopped (by a gate or a guardrail). is_final: trying again would change
    nothing. error: the message for an operator; it has no values of records. A stage that is done
    has an exit_code where it could not take in all it was given.
    """

    stage: str
    item: str | None = None
    state: str = DONE
    seconds: float = 0.0
    rows: Mapping[str, int] = field(default_factory=dict)
    notes: Sequence[str] = ()
    error: str | None = None
    exit_code: int = 0
    is_final: bool = True

    @property
    def name(self) -> str:
        """``stage`` or ``stage[item]``."""
        return self.stage if self.item is None else f"{self.stage}[{self.item}]"

    def as_record(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {**asdict(self), "rows": dict(self.rows), "notes": list(self.notes)}


def attempt(stage: Stage, context: RunContext, item: str | None = None) -> StageOutcome:
    """Run a stage, or one item of it; an error becomes an outcome, never a traceback.

    Work that another writer of the lake was quicker than is done again: the writers of a catalog on
    a server do not wait for each other.
    """
    started = time.monotonic()
    try:
        report = _run_among_writers(stage, context, item)
    except Exception as error:  # every fault of a stage is reported in the job's own words
        outcome = failure(stage.name, item, error, context, time.monotonic() - started)
        is_needed = not stage.is_optional or item is None or faults.disk_full(error)
        return outcome if is_needed else _passed_over(outcome)
    return _success(stage.name, item, report)


def _run_among_writers(stage: Stage, context: RunContext, item: str | None) -> StageReport:
    for pause in PAUSES:
        try:
            return stage.run(context, item)
        except Exception as error:
            if not faults.is_conflict(error):
                raise
        # Jitter, or writers that met would meet again.
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311
    return stage.run(context, item)


def list_items(stage: Stage, context: RunContext) -> list[str] | StageOutcome:
    """Items a mapped stage is to run over, or the outcome of a failure to list them."""
    started = time.monotonic()
    try:
        return stage.item_names(context)
    except Exception as error:  # as above
        return failure(stage.name, None, error, context, time.monotonic() - started)


def run(stages: Sequence[Stage], context: RunContext) -> Iterator[StageOutcome]:
    """Run the stages in order in this process, giving each outcome as it comes.

    Every item of a mapped stage is tried. A failure ends the job, save in a stage whose items are
    isolated. A job that stops before it sends still sends withdrawals: nothing delays the removal
    of people who opted out.
    """
    sends = any(stage.name == "sync" for stage in stages)
    for stage in stages:
        failed = False
        for outcome in _outcomes(stage, context):
            failed = failed or outcome.state != DONE
            yield outcome
        if failed and not stage.is_isolated:
            if sends and sends_after(stage):
                yield attempt(WITHDRAWALS, context)
            return


def exit_code(outcomes: Sequence[StageOutcome]) -> int:
    """0 when all is done; 3 when gates or guardrails alone stopped it; else the exit code of the
    first fault.

    A job that reached its end without all that it was given ends with 1.
    """
    ended = [outcome for outcome in outcomes if outcome.state != DONE] or outcomes
    codes = [outcome.exit_code for outcome in ended if outcome.exit_code]
    faults = [code for code in codes if code != StoppedError.exit_code]
    return faults[0] if faults else (codes[0] if codes else 0)


def failure(
    stage: str, item: str | None, error: Exception, context: RunContext, seconds: float
) -> StageOutcome:
    """The outcome for an error; what is not a SegmentryError is a fault of the code and leaves its
    frames in a file.
    """
    if isinstance(error, SegmentryError):
        state = STOPPED if isinstance(error, StoppedError) else FAILED
        is_final = isinstance(error, StoppedError | UsageError | NotReadyError)
        return StageOutcome(
            stage,
            item,
            state,
            seconds,
            error=str(error),
            exit_code=error.exit_code,
            is_final=is_final,
        )
    if full := faults.disk_full(error):
        return StageOutcome(
            stage, item, FAILED, seconds, error=str(full), exit_code=full.exit_code, is_final=False
        )
    message = f"the stage '{stage}' ended with an unexpected {type(error).__name__}"
    place = _write_frames(stage if item is None else f"{stage}.{item}", error, context)
    text = f"{message}\nTo do: read {place}, and report it with the version of Segmentry"
    return StageOutcome(stage, item, FAILED, seconds, error=text, exit_code=1, is_final=False)


def line(outcome: StageOutcome, stages: Sequence[Stage]) -> str:
    """One line for people: the place in the order, the name, how it ended, seconds and rows."""
    names = [stage.name for stage in stages]
    place = f"{names.index(outcome.stage) + 1} of {len(names)}" if outcome.stage in names else ""
    rows = f"{sum(outcome.rows.values()):,} rows" if outcome.rows else ""
    return (
        f"  {place:>8}  {outcome.name:<24} {outcome.state:<8} {outcome.seconds:6.1f} s  {rows}"
    ).rstrip()


def lines(outcome: StageOutcome, stages: Sequence[Stage]) -> list[str]:
    """What a terminal, the log of a run and the log of a task have of an outcome: its line, and the
    error that ended it.
    """
    error = f"    {outcome.error}".replace("\n", "\n    ")
    return [line(outcome, stages), *([error] if outcome.error else [])]


def _passed_over(outcome: StageOutcome) -> StageOutcome:
    """A failure that the job goes on without: a gate's stop and a fault of the code alike."""
    notes = (f"failed, what it made before stays in use: {outcome.error}",)
    return replace(outcome, state=DONE, error=None, exit_code=1, notes=notes)


def _outcomes(stage: Stage, context: RunContext) -> Iterator[StageOutcome]:
    if stage.items is None:
        yield attempt(stage, context)
        return
    items = list_items(stage, context)
    if isinstance(items, StageOutcome):
        yield items
        return
    for item in items:
        yield attempt(stage, context, item)


def _success(stage: str, item: str | None, report: StageReport) -> StageOutcome:
    notes = [report.status, *report.notes] if report.status != DONE else list(report.notes)
    code = 1 if report.is_incomplete else 0
    return StageOutcome(stage, item, DONE, report.seconds, dict(report.rows), notes, exit_code=code)


def _write_frames(name: str, error: Exception, context: RunContext) -> str:
    # The frames and types alone: an exception's text may quote a record.
    folder = context.settings.home / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.traceback.txt"
    path.write_text(faults.frames(error), encoding="utf-8")
    return str(path)
