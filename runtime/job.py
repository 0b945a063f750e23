"""The main job, and a refresh, from the command line: one at a time per home, through Airflow or in
this process.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from runtime import airflow, login, run_log
from runtime.airflow_api import Airflow
from runtime.alerts import history, watch
from runtime.console import errors
from runtime.maintenance import disk
from runtime.processes import Registry, free_port
from segmentry import job_lock, jobs, progress, published, refresh, warehouse
from segmentry.errors import SegmentryError
from segmentry.job_lock import only_one
from segmentry.jobs import StageOutcome
from segmentry.settings import Settings
from segmentry.stages import RunContext, Stage, select

Progress = Callable[[StageOutcome], None]


@dataclass(frozen=True)
class JobRequest:
    """What was asked for. as_of is naive UTC; selection is a stage's name, with + for what lies
    behind it too.

    own_airflow: the job needs this process's variables, which an Airflow that is already up does
    not have. until: the last stage. sends: whether destinations are called.
    """

    as_of: datetime | None = None
    selection: str | None = None
    retrain: bool = False
    through_airflow: bool = True
    own_airflow: bool = False
    until: str | None = None
    sends: bool = True

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Stages of the job, or UsageError."""
        return select(self.selection, self.until, sends=self.sends)

    @property
    def needs_airflow(self) -> bool:
        """A single stage is one function call; the DAGs trigger each other to the end, and know no
        earlier one.
        """
        return self.through_airflow and len(self.stages) > 1 and self.until is None and self.sends


@dataclass
class Result:
    """How a job went.

    chain_seconds: from the trigger to the last task's end, the start of Airflow left out. log: the
    run's file.
    """

    outcomes: list[StageOutcome] = field(default_factory=list)
    chain_seconds: float = 0.0
    log: Path | None = None

    @property
    def exit_code(self) -> int:
        """The exit code of the command that ran the job."""
        return jobs.exit_code(self.outcomes)


def run(settings: Settings, request: JobRequest) -> Result:
    """Run the job with progress on standard error."""
    stages = request.stages
    warehouse.prepare(settings)
    with (
        _stoppable(),
        only_one(settings, on_wait=errors.print),
        _source(settings, request, stages) as source,
    ):
        result = _followed(settings, source, stages)
    disk.record_run(settings)
    return result


def recompute(settings: Settings, first: Callable[[], None]) -> Result:
    """Do ``first``, resolve who is who, and have all that depends on it follow; nothing is trained
    and nothing is sent.

    Before there is a first segment nothing depends on it, and identity is all that is done.
    """
    with warehouse.connect(settings, read_only=True) as lake:
        has_segments = warehouse.relation_exists(lake, "segments.segment_memberships")
    stages = select("identity+")
    sent = [stage.dag for stage in stages].index("activate")
    chosen = (
        tuple(stage for stage in stages[:sent] if stage.name != "train")
        if has_segments
        else stages[:1]
    )
    with _stoppable(), only_one(settings, on_wait=errors.print):
        first()
        outcomes = jobs.run(chosen, RunContext(settings))
        return _followed(settings, history.recorded(settings, "recompute", outcomes), chosen)


def refreshed(settings: Settings, *, sends: bool) -> Result:
    """Bring memberships and audiences up to date with what arrived, with progress on standard
    error. sends: whether destinations are called.
    """
    warehouse.prepare(settings)
    chosen = refresh.stages(sends=sends)
    with _stoppable(), only_one(settings, job_lock.REFRESH):
        outcomes = refresh.run(RunContext(settings), chosen)
        recorded = history.recorded(settings, refresh.NAME, outcomes)
        return _followed(settings, recorded, chosen, folder="refreshes")


def _followed(
    settings: Settings,
    source: Iterator[StageOutcome],
    stages: tuple[Stage, ...],
    folder: str = "runs",
) -> Result:
    """Outcomes as they come, each printed on standard error and in the run's log, which lies in
    that folder of the home's logs.
    """
    log = run_log.opened(settings, folder)
    result = Result(log=log)
    started = time.monotonic()

    def within_a_stage(line: str) -> None:
        errors.print(f"{'':12}{line}", soft_wrap=True)
        run_log.add(log, f"{'':12}{line}")

    with progress.printed_by(within_a_stage), _looked_after(settings, result, stages, started):
        for outcome in source:
            for number, line in enumerate(jobs.lines(outcome, stages)):
                errors.print(line, soft_wrap=True, style="red" if number else "")
                run_log.add(log, line)
            result.outcomes.append(outcome)
    if note := published.note(settings):
        errors.print(note)
        run_log.add(log, note)
    return result


@contextmanager
def _looked_after(
    settings: Settings, result: Result, stages: tuple[Stage, ...], started: float
) -> Iterator[None]:
    """Record how the job as a whole went, and look for incidents, whether it came to its end or
    not.
    """
    fault = ""
    try:
        yield
    except SegmentryError as error:
        fault = str(error)
        raise
    finally:
        result.chain_seconds = time.monotonic() - started
        history.record_job(settings, stages, result.outcomes, result.chain_seconds, fault)
        for line in watch.look_after(settings):
            errors.print(line)
            if result.log is not None:
                run_log.add(result.log, line)


@contextmanager
def _source(
    settings: Settings, request: JobRequest, stages: tuple[Stage, ...]
) -> Iterator[Iterator[StageOutcome]]:
    """Outcomes, as they come, of a job that is ready to start."""
    if not request.needs_airflow:
        context = RunContext(settings, as_of=request.as_of, retrain=request.retrain)
        yield history.recorded(settings, "run", jobs.run(stages, context))
        return
    conf = {
        **({"as_of": request.as_of.isoformat()} if request.as_of else {}),
        **({"retrain": True} if request.retrain else {}),
        **({"from": stages[0].name} if request.selection else {}),
    }
    with _airflow_of(settings, request) as api:
        yield history.completed(settings, api.run_job(conf, stages[0].dag))


@contextmanager
def _airflow_of(settings: Settings, request: JobRequest) -> Iterator[Airflow]:
    """The Airflow that `segmentry up` started, else one for this job alone, stopped when the job
    ends.
    """
    up = [
        service
        for service in Registry(settings, "up").running()
        if service.name.startswith("airflow ")
    ]
    if up and request.own_airflow:
        raise SegmentryError(
            f"Airflow is up at {up[0].url}, and it does not know this job's simulated tools",
            allowed="a home whose pages are not up",
            remedy="run `make down` first, and `make up` again afterwards",
        )
    if up:
        errors.print(f"using the Airflow that is up at {up[0].url}")
        yield Airflow(up[0].url, login.password(settings), up)
        return
    registry = Registry(settings, "run")
    leftovers = registry.stop()
    if leftovers:
        errors.print(f"stopped {len(leftovers)} program(s) that a killed job had left")
    errors.print("starting Airflow")
    try:
        api = airflow.launch(settings, registry, free_port(), schedules=False)
        airflow.open_job(settings).touch()
        yield api
        airflow.open_job(settings).unlink()
    finally:
        registry.stop(grace_seconds=3.0)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let SIGTERM end the job as Ctrl-C does, so that what was started is stopped."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    except KeyboardInterrupt:
        raise SegmentryError(
            "the job was interrupted",
            remedy="run it again: every stage starts over from what is in the lake",
        ) from None
    finally:
        signal.signal(signal.SIGTERM, previous)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt
