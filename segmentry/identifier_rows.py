"""Files with one identifier a row: CSV with a header, or NDJSON, in UTF-8.

A row names its identifier in the columns ``identifier_type`` and ``identifier``, as ``type:value``
in ``identifier`` alone, or in a column that has the name of a type (``email``). Files of decisions
and lists of suppressions are read here.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from segmentry.errors import UsageError
from segmentry.identifier_words import TYPES

Cells = Mapping[str, str]
ALLOWED = (
    "CSV with a header, or NDJSON, in UTF-8, with a column identifier (type:value),"
    f" identifier_type and identifier, or one of {', '.join(TYPES)}"
)
_NAMES = ("identifier_type", "identifier")


def read(path: Path, columns: Collection[str]) -> Iterator[tuple[int, Cells | str]]:
    """(line, cells by column), or (line, why it has none), of every row that is not empty.

    columns: those of interest besides the ones that name an identifier. Cells are texts without
    outer blanks; lines count from 1. Raises UsageError for a file that is none of the two formats.
    """
    text = _text(path)
    first = text.lstrip()[:1]
    if not first:
        raise _no_file(path, "is empty")
    wanted = frozenset((*_NAMES, *TYPES, *columns))
    for line, content in _of_json(text) if first == "{" else _of_csv(path, text):
        yield line, content if isinstance(content, str) else _cells(content, wanted)


def named(cells: Cells) -> list[tuple[str, str]]:
    """The identifiers of a row, as (type, value); the type is '' where the row names none."""
    found = [(kind, cells[kind]) for kind in TYPES if cells.get(kind)]
    if value := cells.get("identifier"):
        kind = cells.get("identifier_type", "").lower()
        if not kind and ":" in value:
            kind, _, value = value.partition(":")
        found.append((kind.strip(), value.strip()))
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise _no_file(path, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise _no_file(path, f"is not UTF-8 at byte {error.start:,}") from None


def _of_json(text: str) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
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
        yield line, content if is_flat else "it is no JSON object of texts"


def _of_csv(path: Path, text: str) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    try:
        header = [name.strip().lower() for name in next(lines)]
        if not {"identifier", *TYPES} & set(header):
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
            yield line, dict(zip(header, row, strict=True))
    except csv.Error:
        raise _no_file(path, f"is no CSV at line {lines.line_num:,}") from None


def _delimiter(text: str) -> str:
    header = text.partition("\n")[0]
    return max(",;\t", key=header.count)


def _cells(content: Mapping[str, Any], wanted: Collection[str]) -> Cells:
    return {
        name.strip().lower(): str(value).strip()
        for name, value in content.items()
        if value is not None and name.strip().lower() in wanted
    }


def _no_file(path: Path, fault: str) -> UsageError:
    return UsageError(
        f"{path} {fault}", allowed=ALLOWED, remedy="correct the file; nothing of it was read"
    )
