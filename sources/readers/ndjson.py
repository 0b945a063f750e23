"""Newline-delimited JSON: each line is a record, verbatim; whether it is JSON is judged in staging."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sources.definitions import Source
from sources.readers import lines
from sources.readers.records import Records


def read(path: Path, source: Source) -> Iterator[Records]:
    """Each line that is not blank."""
    return lines.read(path, source.encoding)
