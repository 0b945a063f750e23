"""How each stage of each job ended, kept for as long as alerts and metrics look back."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from activation.ledger.database import now
from runtime.alerts import tables as t
from runtime.alerts.store import IncidentStore
from segmentry.errors import SegmentryError
from segmentry.jobs import DONE, FAILED, StageOutcome
from segmentry.settings import Settings
from segmentry.stages import STAGES, Stage

# A refresh every five minutes leaves four thousand rows a day; medians need some dozens of a stage.
KEPT = timedelta(days=14)
UNCHANGED = "unchanged"
# The name under which a job as a whole is kept.
JOB = "job"


def new_job(kind: str) -> str:
    """A name for a job of this process. kind: run, refresh or recompute."""
    return f"{kind}_{uuid.uuid4().hex[:16]}"


def recorded(
    settings: Settings, kind: str, outcomes: Iterable[StageOutcome]
) -> Iterator[StageOutcome]:
    """The outcomes as they come, each recorded before it is passed on."""
    job = new_job(kind)
    for outcome in outcomes:
        record(settings, job, kind, outcome)
        yield outcome


def completed(settings: Settings, outcomes: Iterable[StageOutcome]) -> Iterator[StageOutcome]:
    """The outcomes of tasks, which record themselves; a task that was ended from outside could
    not, and its failure is recorded here.
    """
    job = new_job("run")
    for outcome in outcomes:
        if outcome.state == FAILED and not _is_known_to_fail(settings, outcome):
            record(settings, job, "run", outcome)
        yield outcome


def _is_known_to_fail(settings: Settings, outcome: StageOutcome) -> bool:
    with closing(IncidentStore(settings)) as store:
        place = (outcome.stage, outcome.item or "")
        states = {(row["stage"], row["item"]): row["state"] for row in newest(store)}
    return states.get(place) == FAILED


def record(settings: Settings, job: str, kind: str, outcome: StageOutcome) -> None:
    """Keep the outcome; one of the same job, stage and item replaces it, as after a retry.

    A ledger that cannot be written costs the record and not the job.
    """
    row = {
        "job": job,
        "stage": outcome.stage,
        "item": outcome.item or "",
        "job_kind": kind,
        "state": outcome.state,
        "is_unchanged": UNCHANGED in outcome.notes[:1],
        "seconds": outcome.seconds,
        "rows": sum(outcome.rows.values()),
        "error": (outcome.error or "").partition("\n")[0],
        "finished_at": now(),
    }
    try:
        with closing(IncidentStore(settings)) as store:
            _write(store, row)
    except (sa.exc.SQLAlchemyError, OSError, SegmentryError):
        # A job that cannot write its history goes on; the ledger's own stages report the fault.
        return


def record_job(
    settings: Settings,
    stages: Sequence[Stage],
    outcomes: Sequence[StageOutcome],
    seconds: float,
    error: str,
) -> None:
    """Keep how a job as a whole went, as the stage ``job``; error: what ended it, '' if it came to
    its end. A part of the job is of another kind, as it takes less time.
    """
    whole = tuple(stages) == STAGES and len({outcome.stage for outcome in outcomes}) == len(STAGES)
    kind = "run" if whole else "part"
    rows = {"all": sum(sum(outcome.rows.values()) for outcome in outcomes)}
    state = FAILED if error else DONE
    outcome = StageOutcome(JOB, None, state, seconds, rows, error=error or None)
    record(settings, new_job(kind), kind, outcome)


def record_lost(settings: Settings, job: str, stage: str, item: str | None, error: str) -> None:
    """Keep that a stage was ended from outside, unless it could report its own outcome."""
    with closing(IncidentStore(settings)) as store:
        table = t.stage_runs.c
        mine = table.job == job, table.stage == stage, table.item == (item or "")
        with store.engine.connect() as c:
            if c.execute(sa.select(sa.exists().where(*mine))).scalar_one():
                return
    record(settings, job, "run", StageOutcome(stage, item, FAILED, error=error))


def newest(store: IncidentStore) -> list[dict[str, Any]]:
    """The newest run of each stage and item, in whichever job."""
    return _ranked(store, most=1)


def lately(store: IncidentStore, most: int) -> list[dict[str, Any]]:
    """The newest runs that did their work, of each job kind, stage and item: at most so many of
    each, the newest first.
    """
    table = t.stage_runs.c
    worked = table.state == DONE, table.is_unchanged.is_(False)
    return _ranked(store, most, worked, (table.job_kind, table.stage, table.item))


def _ranked(
    store: IncidentStore,
    most: int,
    conditions: Sequence[sa.ColumnElement[bool]] = (),
    keys: Sequence[sa.ColumnElement[Any]] = (t.stage_runs.c.stage, t.stage_runs.c.item),
) -> list[dict[str, Any]]:
    table = t.stage_runs
    place = sa.func.row_number().over(
        partition_by=keys, order_by=[table.c.finished_at.desc(), table.c.job]
    )
    ranked = sa.select(table, place.label("place")).where(*conditions).subquery()
    query = sa.select(ranked).where(ranked.c.place <= most)
    query = query.order_by(ranked.c.stage, ranked.c.item, ranked.c.place)
    with store.engine.connect() as c:
        return [dict(row) for row in c.execute(query).mappings()]


def _write(store: IncidentStore, row: dict[str, Any]) -> None:
    table = t.stage_runs
    keys = ("job", "stage", "item")
    with store.engine.begin() as c:
        c.execute(sa.delete(table).where(*(table.c[key] == row[key] for key in keys)))
        c.execute(sa.insert(table).values(row))
        c.execute(sa.delete(table).where(table.c.finished_at < row["finished_at"] - KEPT))
