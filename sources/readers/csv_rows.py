"""CSV: each row is a record, as a JSON object of its cells, all of them text as written."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from sources.definitions import Source
from sources.readers import lines
from sources.readers.records import Records

# A quoted cell may run over this many lines; beyond, its quote was never closed and would swallow the file.
MAX_CELL_LINES = 1000
csv.field_size_limit(lines.MAX_LINE_BYTES * 2)


@dataclass(frozen=True)
class Header:
    """Names of the columns; fault: why rows cannot be told apart by them."""

    names: tuple[str, ...]
    delimiter: str
    fault: str | None = None


def read(path: Path, source: Source) -> Iterator[Records]:
    """Each row under the header. A row that does not fit it is landed as its text line, with a problem.

    Under a header that lacks the source's columns every line, the first one too, is landed so: a file without a header
    must not lose its first record.
    """
    header: Header | None = None
    delimiter = source.delimiter or ("\t" if ".tsv" in path.suffixes else ",")
    for block in _logical_lines(lines.read(path, source.encoding), delimiter):
        if header is None:
            header = _header(block.raws[0], delimiter, source.columns)
            if header.fault is None:
                block = Records(block.lines[1:], block.raws[1:], block.problems[1:])
        yield _rows(block, header)


def _header(line: str, delimiter: str, required: Sequence[str]) -> Header:
    names = tuple(name.strip() for name in _cells(line, delimiter))
    missing = [name for name in required if name not in names]
    if missing:
        return Header(names, delimiter, f"missing_columns: the header lacks {', '.join(missing)}")
    if len(set(names)) < len(names):
        return Header(names, delimiter, "missing_columns: the header names a column twice")
    return Header(names, delimiter)


def _rows(block: Records, header: Header) -> Records:
    if header.fault is not None:
        return Records(block.lines, block.raws, [header.fault] * len(block.lines))
    rows = _parsed(block.raws, header.delimiter)
    width = len(header.names)
    batch = Records()
    for number, text, problem, cells in zip(block.lines, block.raws, block.problems, rows, strict=True):
        if problem is not None:
            batch.add(number, text, problem)
        elif len(cells) != width:
            batch.add(number, text, f"wrong_column_count: {len(cells)} cells under {width} columns")
        else:
            batch.add(number, orjson.dumps(dict(zip(header.names, cells, strict=True))).decode())
    return batch


def _parsed(texts: list[str], delimiter: str) -> list[list[str]]:
    """Cells of each line; all at once, which is fast, and line by line where that gives another number of rows."""
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


def _logical_lines(blocks: Iterator[Records], delimiter: str) -> Iterator[Records]:
    """Joins the lines of a quoted cell that runs over several; a quote that is never closed joins nothing."""
    pending = Records()
    for block in blocks:
        batch = Records()
        for number, text, problem in zip(block.lines, block.raws, block.problems, strict=True):
            if not pending.lines and ('"' not in text or problem or not _is_open(text, delimiter)):
                batch.add(number, text, problem)
                continue
            pending.add(number, text, problem)
            _settle(pending, batch, delimiter)
        if batch.lines:
            yield batch
    if pending.lines:
        yield _given_up(pending)


def _settle(pending: Records, batch: Records, delimiter: str) -> None:
    joined = "\n".join(pending.raws)
    if '"' in pending.raws[-1] and not _is_open(joined, delimiter):
        batch.add(pending.lines[0], joined, next((p for p in pending.problems if p), None))
    elif len(pending.lines) >= MAX_CELL_LINES:
        given_up = _given_up(pending)
        for number, text, problem in zip(given_up.lines, given_up.raws, given_up.problems, strict=True):
            batch.add(number, text, problem)
    else:
        return
    pending.__init__()  # type: ignore[misc]


def _given_up(pending: Records) -> Records:
    fault = "unclosed_quote: a quote opens here and does not close"
    return Records(pending.lines, pending.raws, [fault, *pending.problems[1:]])


def _is_open(text: str, delimiter: str) -> bool:
    """Whether a quoted cell is still open at the text's end."""
    try:
        list(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error as error:
        return "unexpected end of data" in str(error)
    return False
