"""The one clock of a run: ``observability.clock`` has the as_of that every model and stage
reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb

from segmentry import bulk, configuration, releases, tables, warehouse
from segmentry.errors import GateFailed, NotReadyError, UsageError
from segmentry.settings import Settings
from segmentry.stages import RunContext, StageReport

RELATION = "observability.clock"
# Records that are ahead of the bulk: (source, reason, records, people, newest_at), one row per
# source.
AHEAD = "observability.records_ahead"
AheadRow = tuple[str, str, int, int, datetime]
_AHEAD_COLUMNS = (
    "source varchar, reason varchar, records bigint, people bigint, newest_at timestamp"
)
# The gate on a jump of the clock, and what it expects.
GATE = "clock"
_EXPECTATION = "the clock moves with the bulk of the records"
# max_lead_days: records that much ahead of all others do not move the clock; a lake with a steady
# flow of records cuts earlier. max_jump_days: a longer move of the clock needs about half a usual
# day's records.
DEFAULTS = {"max_lead_days": 60, "max_jump_days": 14}


def parse(text: str) -> datetime:
    """An ISO 8601 date or time to naive UTC; a time without zone is taken as UTC."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"the time '{text}' is not ISO 8601",
            allowed="2026-05-01, 2026-05-01T12:00:00 or 2026-05-01T12:00:00+02:00",
            remedy="write the time in one of these forms",
        ) from None
    return parsed.astimezone(UTC).replace(tzinfo=None) if parsed.tzinfo else parsed


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
    as_of: datetime = row[0]
    return as_of


def is_decided(settings: Settings) -> bool:
    """Whether a clock has been decided in this lake."""
    with warehouse.connect(settings, read_only=True) as lake:
        return warehouse.count(lake, RELATION) > 0


def of(context: RunContext) -> datetime:
    """The context's as_of, or the lake's clock when the context has none."""
    return context.as_of or read(context.settings)


def decide(context: RunContext) -> StageReport:
    """Store the run's as_of: the one given, else the full hour after the newest record of the bulk.

    Taking the default from the data makes a second run over the same data equal to the first. It is
    never later than the newest load. Records ahead of the bulk are reported; they count when the
    clock reaches them. Raises GateFailed when the clock would jump although the bulk of the records
    did not move.
    """
    found = None if context.as_of else _after_the_bulk(context.settings)
    as_of = context.as_of or (found.as_of if found else None)
    if as_of is None:
        raise NotReadyError(
            "there is no accepted record to take the time from",
            allowed="a lake with at least one accepted record, or a time given with --as-of",
            remedy="load a source with `segmentry load SOURCE PATH`, then run again",
        )
    ahead = found.ahead if found else ()
    if found:
        _check_jump(context.settings, found)
    with warehouse.connect(context.settings) as lake:
        tables.replace_rows(
            lake,
            RELATION,
            "as_of timestamp, is_given boolean",
            [(as_of, context.as_of is not None)],
        )
        tables.replace_rows(lake, AHEAD, _AHEAD_COLUMNS, list(ahead))
    notes = [f"as_of {as_of.isoformat()}", *(_describe(row, as_of) for row in ahead)]
    return StageReport(rows={RELATION: 1, AHEAD: len(ahead)}, notes=notes)


@dataclass(frozen=True)
class _Decision:
    """The as_of that the data imply. before: the as_of of the run before, None for the first one or
    one that was given.
    """

    as_of: datetime
    newest_at: datetime
    ahead: tuple[AheadRow, ...]
    hours: tuple[bulk.Hour, ...]
    before: datetime | None


def _after_the_bulk(settings: Settings) -> _Decision | None:
    with warehouse.connect(settings, read_only=True) as lake:
        warehouse.require(lake, "staging.record_hours", made_by="staging")
        rows = lake.execute(
            "select hour_at, source, records, people_mask, newest_at from lake.staging.record_hours"
        ).fetchall()
        loaded = lake.execute("select max(loaded_at) from lake.staging.landing_balance").fetchone()
        before = _before(lake)
    hours = tuple(bulk.Hour(*row) for row in rows)
    found = bulk.find(hours, timedelta(days=_policy(settings)["max_lead_days"]))
    if found is None:
        return None
    as_of = found.newest_at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    loaded_at: datetime | None = loaded[0] if loaded else None
    if loaded_at is not None:
        as_of = min(as_of, loaded_at)
    return _Decision(as_of, found.newest_at, tuple(_ahead(found)), hours, before)


def _ahead(found: bulk.Bulk) -> Iterator[AheadRow]:
    hours = [hour for group in found.ahead for hour in group.hours]
    for source in sorted({hour.source for hour in hours}):
        group = bulk.Group(tuple(hour for hour in hours if hour.source == source))
        yield source, "ahead_of_the_bulk", group.records, group.people, group.newest_at


def _describe(row: AheadRow, as_of: datetime) -> str:
    source, _, records, people, newest_at = row
    days = (newest_at - as_of).days
    return (
        f"warning: {records:,} record(s) of {source}, about {people:,} people, are up to {days:,}"
        " days ahead of the bulk of the records: they do not move the clock, and count when it"
        " reaches them"
    )


def _before(lake: duckdb.DuckDBPyConnection) -> datetime | None:
    if not warehouse.relation_exists(lake, RELATION):
        return None
    row = lake.execute(f"select as_of from lake.{RELATION} where not is_given").fetchone()
    return row[0] if row else None


def _check_jump(settings: Settings, found: _Decision) -> None:
    """Stop where as_of moves by more than the policy allows and few records are behind it, unless
    that is released.
    """
    most = timedelta(days=_policy(settings)["max_jump_days"])
    if found.before is None or found.as_of - found.before <= most:
        return
    if not bulk.moves_alone(found.hours, found.before, found.newest_at):
        return
    key = found.as_of.date().isoformat()
    with warehouse.connect(settings, read_only=True) as lake:
        released = releases.released_keys(lake, GATE).get((RELATION, _EXPECTATION), frozenset())
    if key in released:
        return
    releases.record_stop(settings, GATE, RELATION, _EXPECTATION, key, found.as_of)
    raise GateFailed(
        f"the clock would move from {found.before.isoformat()} to {found.as_of.isoformat()}, but"
        " fewer records than on half a usual day lie between them",
        allowed=(
            f"a move of at most {most.days} days (`clock: max_jump_days` in policies.yml), or one"
            " that the bulk of the records makes"
        ),
        remedy=(
            "look for records with a wrong time in staging.record_hours; if the time is right, run "
            f"`segmentry run --release-gate {GATE} --reason TEXT`, or give the time with --as-of"
        ),
    )


def _policy(settings: Settings) -> dict[str, int]:
    return {**DEFAULTS, **(configuration.policies(settings).get("clock") or {})}
