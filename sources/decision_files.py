"""Decisions of a whole file: opt-outs, or opt-ins with their proof, one a row.

``segmentry.identifier_rows`` describes the files. The columns ``purpose``, ``channel``, ``proof``
and ``occurred_at`` (ISO 8601) are optional, and count for their row in place of what the command
states. A row that cannot be recorded is reported by its line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from segmentry import configuration, identifier_rows, warehouse
from segmentry.errors import UsageError
from segmentry.identifier_rows import Cells
from segmentry.settings import Settings
from segmentry.statements import Decision, Statement
from segmentry.tombstones import Tombstones
from sources import decisions

PURPOSES = ("marketing", "advertising", "personalization", "analytics", "profiling", "any")
CHANNELS = ("email", "sms", "push", "ads", "any")
COLUMNS = ("purpose", "channel", "proof", "occurred_at")


@dataclass(frozen=True)
class RowFault:
    """A row that is not recorded. line: as an editor counts them, from 1. It has no value of it."""

    line: int
    reason: str


@dataclass(frozen=True)
class RecordedFile:
    """What was done with a file. rows: all of its rows; recorded: those that count; effect: what
    ``decisions.record_all`` returns, {} where no row was recorded.
    """

    rows: int
    recorded: int
    effect: Mapping[str, Any]
    faults: tuple[RowFault, ...]


class _Unusable(ValueError):
    """The row cannot be recorded, for this reason."""


def record_file(settings: Settings, path: Path, decision: Decision) -> RecordedFile:
    """Record every row of the file that can be, in one commit; decision: for rows without their
    own.

    Refusals count when this returns. A row with a time may be recorded again without any change.
    Raises UsageError for a file that is none of the two formats.
    """
    at = datetime.now(UTC).replace(tzinfo=None)
    graves = Tombstones(settings, configuration.shop_country(settings))
    stated: dict[str, Statement] = {}
    faults: list[RowFault] = []
    rows = 0
    for line, cells in identifier_rows.read(path, COLUMNS):
        rows += 1
        try:
            if isinstance(cells, str):
                raise _Unusable(cells)
            for one in _statements(cells, decision, at, graves):
                stated[one.record_id] = one
        except _Unusable as fault:
            faults.append(RowFault(line, str(fault)))
    effect: Mapping[str, Any] = {}
    if stated:
        warehouse.prepare(settings)
        effect = decisions.record_all(settings, list(stated.values()))
    return RecordedFile(rows, rows - len(faults), effect, tuple(faults))


def _statements(
    cells: Cells, default: Decision, at: datetime, graves: Tombstones
) -> list[Statement]:
    decision = replace(
        default,
        purpose=_word(cells, "purpose", PURPOSES, default.purpose),
        channel=_word(cells, "channel", CHANNELS, default.channel),
        proof=cells.get("proof") or default.proof,
    )
    decided_at = _time(cells.get("occurred_at", ""), at)
    named = _named(cells)
    try:
        decisions.check(decision)
        for kind, value in named:
            decisions.check_identifier(kind, value, is_grant=decision.is_grant)
    except UsageError as error:
        raise _Unusable(error.received) from None
    if decision.is_grant and any(graves.has(kind, value) for kind, value in named):
        raise _Unusable("the identifier is that of a forgotten person")
    return [Statement(kind, value, decision, decided_at, "file") for kind, value in named]


def _named(cells: Cells) -> list[tuple[str, str]]:
    """The identifiers of a row, as (type, value)."""
    found = identifier_rows.named(cells)
    if not found:
        raise _Unusable("it names no identifier")
    if not all(kind for kind, _ in found):
        raise _Unusable("the identifier has no type: write type:value")
    return found


def _word(cells: Cells, column: str, allowed: tuple[str, ...], default: str) -> str:
    word = cells.get(column, "").lower() or default
    if word not in allowed:
        raise _Unusable(f"its {column} is none of {', '.join(allowed)}")
    return word


def _time(text: str, now: datetime) -> datetime:
    """The time of a row, naive UTC; without a zone it is UTC."""
    if not text:
        return now
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise _Unusable("its occurred_at is no time of ISO 8601") from None
    if found.tzinfo is not None:
        found = found.astimezone(UTC).replace(tzinfo=None)
    if found > now:
        raise _Unusable("its occurred_at is in the future")
    return found
