"""Parquet: each row is a record, as a JSON object with the types JSON has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb

from segmentry.errors import SourceError
from sources.definitions import Source
from sources.readers.records import Records

BATCH_ROWS = 50_000
# row_number() over () counts in the file's order: DuckDB keeps the order of insertion unless told otherwise.
_ROWS = "select row_number() over (), to_json(whole_row)::varchar from (select * from read_parquet(?)) as whole_row"


def read(path: Path, source: Source) -> Iterator[Records]:
    """Each row in the file's order; times with a zone as UTC."""
    try:
        with duckdb.connect(":memory:") as engine:
            engine.execute("set TimeZone='UTC'")
            rows = engine.execute(_ROWS, [str(path)])
            while batch := rows.fetchmany(BATCH_ROWS):
                numbers, texts = zip(*batch, strict=True)
                yield Records(list(numbers), list(texts), [None] * len(batch))
    except duckdb.Error:
        raise SourceError("it is not a readable Parquet file") from None
