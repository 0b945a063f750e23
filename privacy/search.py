"""Looks for values of people in every file under a home, as bytes would show them: Parquet files
decoded, compressed ones unpacked, databases with their free pages.
"""

from __future__ import annotations

import gzip
import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

from privacy.values import Matcher

# What has no data of people: DuckDB's own files, and the secrets of the installation.
_LEFT_OUT = ("duckdb_extensions", "secrets", "privacy")
_RUNS = re.compile(r"[^\W_]+")
_ESCAPES = re.compile(r"\\[nrt]|%[0-9A-Fa-f]{2}")
_FEW = 150  # values that are looked for one by one; for more, the words of the text are faster


class ValueScan:
    """A matcher that leaves out most texts at a glance."""

    def __init__(self, matcher: Matcher) -> None:
        self.matcher = matcher
        self._cores = {_core(value) for value in matcher.values}

    def may_have(self, text: str) -> bool:
        """False where the text has none of the values for sure."""
        low = text.lower()
        if len(self.matcher.values) <= _FEW:
            return any(value in low for value in self.matcher.values)
        return not self._cores.isdisjoint(_RUNS.findall(_ESCAPES.sub(" ", low)))

    def count(self, text: str) -> int:
        """How often the text has one of the values."""
        return self.matcher.count(text) if self.may_have(text) else 0


def _core(value: str) -> str:
    """The longest word of a value, of an address before its @."""
    local = re.split("@|%40", value)[0]
    words: list[str] = _RUNS.findall(_ESCAPES.sub(" ", local))
    return max(words, key=len, default="")


def files(home: Path) -> Iterator[Path]:
    """Every file under the home that may have values of people."""
    for folder, names, found in os.walk(home):
        if Path(folder) == home:
            names[:] = [name for name in names if name not in _LEFT_OUT]
        for name in found:
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                yield path


def find(home: Path, matcher: Matcher) -> dict[str, int]:
    """How often each file has one of the values, by its path under the home."""
    scan = ValueScan(matcher)
    found = {}
    for path in files(home):
        try:
            times = scan.count(text_of(path))
        except FileNotFoundError:
            continue
        if times:
            found[str(path.relative_to(home))] = times
    return found


def text_of(path: Path) -> str:
    """What a file contains, as text; bytes that are none become marks."""
    if path.suffix == ".parquet":
        return _parquet(path)
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        content = _unpacked(content)
    return content.decode("utf-8", "replace")


def _unpacked(content: bytes) -> bytes:
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error):
        return content


def _parquet(path: Path) -> str:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError):
        return path.read_bytes().decode("utf-8", "replace")
    parts: list[str] = []
    for column in table.columns:
        kind = column.type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            parts += [value for value in column.unique().to_pylist() if value]
        elif pa.types.is_nested(kind) or pa.types.is_binary(kind):
            parts += [str(value) for value in column.to_pylist() if value]
    return "\n".join(parts)
