"""The formats in which a file destination writes rows, each streaming."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from activation.config import Column
from activation.model import Row


def _write_csv(path: Path, columns: list[Column], rows: Iterator[Row]) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([column.name for column in columns])
        for count, row in enumerate(rows, start=1):  # noqa: B007  the count outlives the loop
            writer.writerow([_text(row.values[column.name]) for column in columns])
    return count


def _write_ndjson(path: Path, columns: list[Column], rows: Iterator[Row]) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for count, row in enumerate(rows, start=1):  # noqa: B007  the count outlives the loop
            file.write(
                json.dumps({c.name: row.values[c.name] for c in columns}, default=str, ensure_ascii=False) + "\n"
            )
    return count


def _write_parquet(path: Path, columns: list[Column], rows: Iterator[Row]) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"varchar": pa.string(), "bigint": pa.int64(), "double": pa.float64(), "boolean": pa.bool_()}
    times = {"timestamp": pa.timestamp("us"), "date": pa.date32()}
    schema = pa.schema([(column.name, {**kinds, **times}[column.type]) for column in columns])
    count = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while chunk := list(islice(rows, 50_000)):
            writer.write_table(pa.Table.from_pylist([dict(row.values) for row in chunk], schema=schema))
            count += len(chunk)
    return count


Writer = Callable[[Path, list[Column], Iterator[Row]], int]
WRITERS: dict[str, Writer] = {"csv": _write_csv, "ndjson": _write_ndjson, "parquet": _write_parquet}


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def keys(path: Path, key: str) -> Iterator[str]:
    """Values of one column of a written file."""
    import duckdb

    with duckdb.connect() as connection:
        reader = {".parquet": "read_parquet", ".ndjson": "read_ndjson"}.get(path.suffix)
        source = f"{reader}('{path}')" if reader else f"read_csv('{path}', all_varchar=true, header=true)"
        for row in connection.execute(f'select cast("{key}" as varchar) from {source}').fetchall():
            yield row[0]
