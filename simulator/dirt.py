"""The small share of records that are broken on purpose, and what is wrong with each.

Nothing that ties identifiers to people is lost: events that carry a link are never broken, and
everywhere else a broken record is a copy of a sound one that stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from simulator.arrays import Bools, Stream
from simulator.files import Lines, Rows
from simulator.shop import Shop

# Chance per event of each fault; together about two events in a thousand, and three that are only
# late.
EVENT_FAULTS = (
    ("malformed_json", 0.0004),
    ("missing_id", 0.0003),
    ("broken_date", 0.0003),
    ("duplicate", 0.0008),
    ("conflict", 0.0002),
    ("late", 0.003),
)
# one broken copy in so many sound records of the other sources, at least one of each kind
EXTRA = 1_000
_ID = re.compile(r'"(?:messageId|event_id|ticket_id|response_id)":"([^"]+)"')
_TIMES = re.compile(r'"(timestamp|sentAt|receivedAt)":"[^"]+"')
Mark = tuple[int, str, str]  # position in the batch, fault, id of the record ("" when it has none)


@dataclass
class Dirt:
    """What is wrong, where: (source, file, line from 1, fault, record id); and events that arrive a
    day late.
    """

    found: list[tuple[str, str, int, str, str]] = field(default_factory=list)
    _waiting: list[tuple[str, str]] = field(default_factory=list)

    def write(
        self, source: str, target: Lines | Rows, lines: Sequence[Any], marks: Sequence[Mark]
    ) -> None:
        """Write a batch and note its marks with their place in the file."""
        before = target.written
        target.write(lines)
        self.note(source, target.path.name, before, marks)

    def note(self, source: str, file: str, before: int, marks: Sequence[Mark]) -> None:
        """Keep the marks of a batch that begins after so many lines of a file."""
        self.found += [(source, file, before + at + 1, fault, key) for at, fault, key in marks]

    def events(
        self, shop: Shop, lines: list[str], spared: Bools, day: int, *, is_last: bool
    ) -> tuple[list[str], list[Mark]]:
        """A day's events with their faults, and yesterday's late ones in front."""
        rng = shop.rng(Stream.dirt, day)
        edges = np.cumsum([share for _, share in EVENT_FAULTS])
        fault = np.searchsorted(edges, rng.random(len(lines)), side="right")
        arrived = [(line, what) for what, line in self._waiting]
        self._waiting = []
        for at in np.flatnonzero(fault < len(EVENT_FAULTS)).tolist():
            what = EVENT_FAULTS[int(fault[at])][0]
            if what in _BREAK and not spared[at]:
                arrived.append((_BREAK[what](lines[at]), what))
                lines[at] = ""
            elif what in _AGAIN:
                self._waiting.append((what, _AGAIN[what](lines[at])))
                if what == "late":
                    lines[at] = ""
        if is_last:
            arrived += [(line, what) for what, line in self._waiting]
            self._waiting = []
        marks = [(at, what, record_id(line)) for at, (line, what) in enumerate(arrived)]
        return [line for line, _ in arrived] + [line for line in lines if line], marks


def record_id(line: str) -> str:
    """The id of a record, as far as its line still shows it."""
    found = _ID.search(line)
    return found.group(1) if found else ""


def _truncated(line: str) -> str:
    return line[: len(line) * 2 // 3]


def _without_id(line: str) -> str:
    return line.replace(f'"messageId":"{record_id(line)}",', "", 1)


def _dateless(line: str) -> str:
    return _TIMES.sub(r'"\1":"2026-13-45T25:61:00Z"', line)


def _same(line: str) -> str:
    return line


def _changed(line: str) -> str:
    return line.replace('"properties":{', '"properties":{"is_resent":true,', 1).replace(
        ":true,}", ":true}", 1
    )


_BREAK: dict[str, Callable[[str], str]] = {
    "malformed_json": _truncated,
    "missing_id": _without_id,
    "broken_date": _dateless,
}
_AGAIN: dict[str, Callable[[str], str]] = {"duplicate": _same, "conflict": _changed, "late": _same}


def spoil_lines(rng: np.random.Generator, lines: list[str]) -> tuple[list[str], list[Mark]]:
    """A batch of JSON lines, with a truncated copy and an exact copy of about one line in a
    thousand each.
    """
    marks: list[Mark] = []
    result = list(lines)
    for fault, change in (("malformed_json", _truncated), ("duplicate", _same)):
        for at in np.flatnonzero(rng.random(len(lines)) < 1 / EXTRA).tolist():
            marks.append((len(result), fault, record_id(lines[at])))
            result.append(change(lines[at]))
    return result, marks


def broken_rows(
    rng: np.random.Generator, rows: Sequence[Sequence[str]], columns: dict[str, tuple[int, str]]
) -> tuple[list[Sequence[str]], list[Mark]]:
    """Broken copies of about one row in a thousand for each fault, at least one.

    columns: fault: (position of the cell, what is written there); the fault "wrong_column_count"
    cuts the row there.
    """
    copies: list[Sequence[str]] = []
    marks: list[Mark] = []
    for fault, (column, value) in columns.items():
        for at in (
            rng.integers(0, len(rows), max(1, len(rows) // EXTRA)).tolist() if len(rows) else []
        ):
            row = list(rows[at])
            marks.append((len(copies), fault, row[0]))
            if fault == "wrong_column_count":
                row = row[:column]
            else:
                row[column] = value
            copies.append(row)
    return copies, marks
