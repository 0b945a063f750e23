"""Decisions of a whole file: opt-outs, or opt-ins with their proof, one a row.

CSV with a header, or NDJSON. A row names its identifier in the columns ``identifier_type`` and
``identifier``, as ``type:value`` in ``identifier`` alone, or in a column that has the name of a
type (``email``). The columns ``purpose``, ``channel``, ``proof`` and ``occurred_at`` (ISO 8601) are
optional, and count for their row in place of what the command states. A row that cannot be recorded
is reported by its line.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from segmentry import configuration, warehouse
from segmentry.errors import UsageError
from segmentry.settings import Settings
from segmentry.statements import Decision, Statement
from segmentry.tombstones import Tombstones
from sources import decisions

PURPOSES = ("marketing", "advertising", "personalization", "analytics", "any")
CHANNELS = ("email", "sms", "push", "ads", "any")
_NAMES = ("identifier_type", "identifier", "purpose", "channel", "proof", "occurred_at")
Cells = Mapping[str, str]


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
    for line, cells in _rows(path):
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
    named = [(kind, cells[kind]) for kind in decisions.TYPES if cells.get(kind)]
    if value := cells.get("identifier"):
        kind = cells.get("identifier_type", "").lower()
        if not kind:
            kind, colon, value = value.partition(":")
            if not colon:
                raise _Unusable("the identifier has no type: write type:value")
        named.append((kind, value.strip()))
    if not named:
        raise _Unusable("it names no identifier")
    return named


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


def _rows(path: Path) -> Iterator[tuple[int, Cells | str]]:
    """(line, cells by column), or (line, why it has none), of every row that is not empty."""
    text = _text(path)
    first = text.lstrip()[:1]
    if not first:
        raise _no_file(path, "is empty")
    yield from _of_json(text) if first == "{" else _of_csv(path, text)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise _no_file(path, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise _no_file(path, f"is not UTF-8 at byte {error.start:,}") from None


def _of_json(text: str) -> Iterator[tuple[int, Cells | str]]:
    for line, part in enumerate(text.split("\n"), start=1):
        if not part.strip():
            continue
        try:
            content = json.loads(part)
        except (ValueError, RecursionError):
            yield line, "it is not JSON"
            continue
        is_flat = isinstance(content, dict) and not any(
            isinstance(value, dict | list) for value in content.values()
        )
        yield line, _cells(content) if is_flat else "it is no JSON object of texts"


def _of_csv(path: Path, text: str) -> Iterator[tuple[int, Cells | str]]:
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    try:
        header = [name.strip().lower() for name in next(lines)]
        if not {"identifier", *decisions.TYPES} & set(header):
            raise _no_file(path, "has no column that names an identifier")
        before = lines.line_num
        for row in lines:
            line = before + 1
            before = lines.line_num
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(header):
                yield line, f"it has {len(row)} cells, and the header {len(header)}"
                continue
            yield line, _cells(dict(zip(header, row, strict=True)))
    except csv.Error:
        raise _no_file(path, f"is no CSV at line {lines.line_num:,}") from None


def _delimiter(text: str) -> str:
    header = text.partition("\n")[0]
    return max(",;\t", key=header.count)


def _cells(content: Mapping[str, Any]) -> Cells:
    wanted = {*_NAMES, *decisions.TYPES}
    return {
        name.strip().lower(): str(value).strip()
        for name, value in content.items()
        if value is not None and name.strip().lower() in wanted
    }


def _no_file(path: Path, fault: str) -> UsageError:
    return UsageError(
        f"{path} {fault}",
        allowed="CSV with a header, or NDJSON, in UTF-8, with a column identifier (type:value),"
        f" identifier_type and identifier, or one of {', '.join(decisions.TYPES)}",
        remedy="correct the file; nothing of it was recorded",
    )
