"""Parquet: each row is a record, as a JSON object with the types JSON has."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from segmentry.errors import SourceError
from sources.definitions import Source
from sources.readers import ndjson
from sources.readers.records import Records
from sources.readers.seen import Seen

BATCH_ROWS = 50_000
# row_number() over () counts in the file's order: by default DuckDB keeps the order of insertion.
_ROWS = (
    "select row_number() over (), to_json(whole_row)::varchar from (select {} from read_parquet(?))"
    " as whole_row"
)
# DuckDB reads other characters of a name as a pattern (`*`, `?`, `[`), an address, or not at all
# (no UTF-8).
_PLAIN = re.compile(r"[\w/.=+,@ -]+", re.ASCII)
# DuckDB writes NaN and Infinity as no JSON has them. Texts are matched too, so that what is in them
# stays.
_NOT_FINITE = re.compile(r'"(?:[^"\\]|\\.)*"|-?(?:NaN|Infinity)')


def read(path: Path, source: Source, seen: Seen) -> Iterator[Records]:
    """Each row in the file's order; times with a zone as UTC, NaN and Infinity as texts."""
    try:
        with _plain_name(path) as name, duckdb.connect(":memory:") as engine:
            engine.execute("set TimeZone='UTC'")
            written = tuple(
                row[0] for row in engine.execute("describe from read_parquet(?)", [name]).fetchall()
            )
            columns = ", ".join(
                f"{_quoted(one)} as {_quoted(other)}"
                for one, other in zip(written, seen.names(written), strict=True)
            )
            rows = engine.execute(_ROWS.format(columns), [name])
            while batch := rows.fetchmany(BATCH_ROWS):
                numbers, texts = zip(*batch, strict=True)
                raws = [_as_json(text) for text in texts]
                yield ndjson.watched(Records(list(numbers), raws, [None] * len(batch)), seen)
    except duckdb.Error:
        raise SourceError("it is not a readable Parquet file") from None


@contextmanager
def _plain_name(path: Path) -> Iterator[str]:
    """A name of the file that DuckDB takes as it is: its own, or that of a link to it."""
    if _PLAIN.fullmatch(str(path)):
        yield str(path)
        return
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder, "file.parquet")
        link.symlink_to(path)
        yield str(link)


def _as_json(text: str) -> str:
    """The row with each NaN and Infinity as a text: staging clears such a value, and keeps its
    record.
    """
    if "NaN" not in text and "Infinity" not in text:
        return text
    return _NOT_FINITE.sub(lambda found: found[0] if found[0][0] == '"' else f'"{found[0]}"', text)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
