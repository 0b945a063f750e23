"""CSV: each row is a record, as a JSON object of its cells, all of them text as written."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from sources.columns import canonical_names, shown_name
from sources.definitions import Source
from sources.readers import lines
from sources.readers.records import Records
from sources.readers.seen import Seen, near_names

# A quoted cell may run over this many lines; beyond, its quote was never closed and would swallow
# the file.
MAX_CELL_LINES = 1000
csv.field_size_limit(lines.MAX_LINE_BYTES * 2)


DELIMITERS = (",", ";", "\t", "|")
# Excel's own first line, which names the delimiter of the lines below.
_EXCEL_DIRECTIVE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)


@dataclass(frozen=True)
class Header:
    """Names of the columns; fault: why they cannot name the cells of a row. spare: empty cells at
    the header's end.
    """

    written: tuple[str, ...]
    names: tuple[str, ...]
    delimiter: str
    fault: str | None = None
    spare: int = 0


def read(path: Path, source: Source, seen: Seen) -> Iterator[Records]:
    """Each row under the header. A row that does not fit it is landed as its text line, with a
    problem.

    Under a header that lacks the source's columns every line, the first one too, is landed so: a
    file without a header must not lose its first record. Without a configured delimiter, the one
    under which the header has the columns is taken.
    """
    header: Header | None = None
    delimiter = source.delimiter or ("\t" if ".tsv" in path.suffixes else None)
    for block in _logical_lines(lines.read(path, source.encoding, with_blank=True), delimiter):
        if header is None:
            if (directive := _EXCEL_DIRECTIVE.fullmatch(block.raws[0].strip(" "))) is not None:
                delimiter = delimiter or directive.group(1)
                block = block.after(1)
                if not block.lines:
                    continue
            header = _header(block.raws[0], delimiter, source, seen)
            if header.fault is None:
                block = block.after(1)
        yield _rows(block, header, seen)


def _header(line: str, delimiter: str | None, source: Source, seen: Seen) -> Header:
    candidates = [
        _candidate(line, one, source, seen) for one in ([delimiter] if delimiter else DELIMITERS)
    ]
    header = next((found for found in candidates if found.fault is None), None)
    if header is None:
        return max(
            candidates,
            key=lambda found: len(set(found.names) & {*source.columns, *seen.known.names}),
        )
    seen.names(header.written)
    return header


def _candidate(line: str, delimiter: str, source: Source, seen: Seen) -> Header:
    cells = _cells(line, delimiter)
    spare = 0
    while len(cells) > 1 and not cells[-1].strip():
        cells.pop()
        spare += 1
    written = tuple(
        cell if cell.strip() else f"_unnamed_{place}" for place, cell in enumerate(cells, start=1)
    )
    names = canonical_names(written, seen.known.names or source.columns)
    return Header(written, names, delimiter, _header_fault(names, written, source), spare)


def _header_fault(names: Sequence[str], written: Sequence[str], source: Source) -> str | None:
    missing = [name for name in source.columns if name not in names]
    if missing:
        near = near_names(written, missing)
        hint = "".join(f"; is {shown_name(one)} {other}?" for one, other in near.items())
        return f"missing_columns: the header lacks {', '.join(missing)}{hint}"
    if len(set(names)) < len(names):
        twice = sorted({shown_name(name) for name in names if names.count(name) > 1})
        return f"missing_columns: the header names a column twice: {', '.join(twice)}"
    return None


def _rows(block: Records, header: Header, seen: Seen) -> Records:
    if header.fault is not None:
        seen.faults[header.fault.partition(": ")[2]] += len(block.lines)
        return Records(block.lines, block.raws, [header.fault] * len(block.lines))
    rows = _parsed(block.raws, header.delimiter)
    batch = Records()
    for number, text, problem, cells in zip(
        block.lines, block.raws, block.problems, rows, strict=True
    ):
        fault = problem or _row_fault(cells, header)
        if fault is not None:
            seen.faults[fault.partition(":")[0]] += 1
            batch.add(number, text, fault)
            continue
        record = dict(
            zip(header.names, cells, strict=False)
        )  # behind the names there are empty cells alone
        seen.record(record)
        batch.add(number, orjson.dumps(record).decode())
    return batch


def _row_fault(cells: Sequence[str], header: Header) -> str | None:
    width = len(header.names)
    if not width <= len(cells) <= width + header.spare or any(
        cell.strip() for cell in cells[width:]
    ):
        return f"wrong_column_count: {len(cells)} cells under {width} columns"
    if tuple(cells[:width]) == header.written:
        return "repeated_header: the header is repeated among the rows"
    return None


def _parsed(texts: list[str], delimiter: str) -> list[list[str]]:
    """Cells of each line; all at once, which is fast, and line by line where that gives another
    number of rows.
    """
    try:
        rows = list(csv.reader(texts, delimiter=delimiter))
    except csv.Error:
        rows = []
    return rows if len(rows) == len(texts) else [_cells(text, delimiter) for text in texts]


def _cells(text: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error:
        return text.split(delimiter)


def _logical_lines(blocks: Iterator[Records], delimiter: str | None) -> Iterator[Records]:
    """Joins the lines of a quoted cell that runs over several; a quote that is never closed joins
    nothing.

    A blank line is a part of such a cell, and nothing between rows.
    """
    pending = Records()
    for block in blocks:
        written = (text for text in block.raws if text and not text.isspace())
        if delimiter is None and (first := next(written, None)) is not None:
            delimiter = _likely_delimiter(first)
        batch = Records()
        for number, text, problem in zip(block.lines, block.raws, block.problems, strict=True):
            if not pending.lines and (not text or text.isspace()):
                continue
            assert delimiter is not None
            if not pending.lines and ('"' not in text or problem or not _is_open(text, delimiter)):
                batch.add(number, text, problem)
                continue
            pending.add(number, text, problem)
            _settle(pending, batch, delimiter)
        if batch.lines:
            yield batch
    if pending.lines:
        yield _given_up(pending)


def _likely_delimiter(line: str) -> str:
    """The delimiter that a first line has most of; only what is between quotes depends on it
    here.
    """
    return max(DELIMITERS, key=line.count)


def _settle(pending: Records, batch: Records, delimiter: str) -> None:
    joined = "\n".join(pending.raws)
    if '"' in pending.raws[-1] and not _is_open(joined, delimiter):
        batch.add(pending.lines[0], joined, next((p for p in pending.problems if p), None))
    elif len(pending.lines) >= MAX_CELL_LINES:
        given_up = _given_up(pending)
        for number, text, problem in zip(
            given_up.lines, given_up.raws, given_up.problems, strict=True
        ):
            batch.add(number, text, problem)
    else:
        return
    pending.__init__()  # type: ignore[misc]


def _given_up(pending: Records) -> Records:
    given_up = Records()
    fault: str | None = "unclosed_quote: a quote opens here and does not close"
    for number, text, problem in zip(pending.lines, pending.raws, pending.problems, strict=True):
        if text and not text.isspace():
            given_up.add(number, text, fault or problem)
        fault = None
    return given_up


def _is_open(text: str, delimiter: str) -> bool:
    """Whether a quoted cell is still open at the text's end."""
    try:
        list(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error as error:
        return "unexpected end of data" in str(error)
    return False
