"""The one clock of a run: ``observability.clock`` holds the as_of that every model and stage reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb

from segmentry import warehouse
from segmentry.errors import NotReadyError, UsageError
from segmentry.settings import Settings
from segmentry.stages import RunContext, StageReport

RELATION = "observability.clock"


def parse(text: str) -> datetime:
    """An ISO 8601 date or time to naive UTC; a time without zone is taken as UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"the time '{text}' is not ISO 8601",
            allowed="2026-05-01, 2026-05-01T12:00:00 or 2026-05-01T12:00:00+02:00",
            remedy="write the time in one of these forms",
        ) from None
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def read(settings: Settings) -> datetime:
    """The as_of of the current run (naive UTC), or NotReadyError."""
    with warehouse.connect(settings, read_only=True) as lake:
        return read_from(lake)


def read_from(lake: duckdb.DuckDBPyConnection) -> datetime:
    """The as_of of the current run, from a connection that is open already."""
    warehouse.require(lake, RELATION, made_by="clock")
    row = lake.execute(f"select as_of from lake.{RELATION}").fetchone()
    if row is None:
        raise NotReadyError("the run's clock is empty", remedy="run `segmentry run --select clock`")
    moment: datetime = row[0]
    return moment


def is_decided(settings: Settings) -> bool:
    """Whether a clock has been decided in this lake."""
    with warehouse.connect(settings, read_only=True) as lake:
        return warehouse.count(lake, RELATION) > 0


def of(context: RunContext) -> datetime:
    """The context's as_of, or the lake's clock when the context has none."""
    return context.as_of or read(context.settings)


def decide(context: RunContext) -> StageReport:
    """Store the run's as_of: the one given, else the full hour after the newest accepted record.

    Taking the default from the data makes a second run over the same data equal to the first.
    """
    as_of = context.as_of or _after_newest_record(context.settings)
    with warehouse.connect(context.settings) as lake:
        lake.execute(f"create table if not exists lake.{RELATION} (as_of timestamp, is_given boolean)")
        held = lake.execute(f"select as_of, is_given from lake.{RELATION}").fetchone()
        wanted = (as_of, context.as_of is not None)
        if held != wanted:
            lake.execute("begin")
            lake.execute(f"delete from lake.{RELATION}")
            lake.execute(f"insert into lake.{RELATION} values (?, ?)", list(wanted))
            lake.execute("commit")
    return StageReport(rows={RELATION: 1}, notes=[f"as_of {as_of.isoformat()}"])


def _after_newest_record(settings: Settings) -> datetime:
    with warehouse.connect(settings, read_only=True) as lake:
        warehouse.require(lake, "staging.record_times", made_by="staging")
        row = lake.execute("select max(newest_at) from lake.staging.record_times").fetchone()
    newest: datetime | None = row[0] if row else None
    if newest is None:
        raise NotReadyError(
            "there is no accepted record to take the time from",
            allowed="a lake with at least one accepted record, or a time given with --as-of",
            remedy="load a source with `segmentry load SOURCE PATH`, then run again",
        )
    return newest.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
