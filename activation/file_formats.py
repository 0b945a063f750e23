"""The formats in which a file destination writes rows, and how people are removed from a written
file; all stream.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from activation import formulas, values
from activation.model import Row
from segmentry.errors import DestinationError
from segmentry.sync_config import SyncColumn, SyncConfig

FORMS = (
    "CSV: all as text, dates as `2026-05-01`, times as `2026-05-01 09:30:00` in UTC, `true` and"
    " `false`, lists and structs as JSON; NDJSON: as JSON has them, dates and times as text;"
    " Parquet: its own types"
)
OPTIONS = ("format", "formulas")
# Of the option ``formulas``: what is done to a text that a spreadsheet would run. Only CSV is
# opened by spreadsheets.
NEUTRALIZE = "neutralize"
KEEP = "keep"
IsWithdrawn = Callable[[str], bool]


def _write_csv(
    path: Path, columns: Sequence[SyncColumn], rows: Iterator[Row], is_neutral: bool
) -> int:
    count = 0
    texts = {
        column.name: _cell if is_neutral and column.type == "varchar" else _text
        for column in columns
    }
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(list(texts))
        for count, row in enumerate(rows, start=1):  # noqa: B007  the count outlives the loop
            writer.writerow([text(row.values[name]) for name, text in texts.items()])
    return count


def _write_ndjson(
    path: Path, columns: Sequence[SyncColumn], rows: Iterator[Row], _is_neutral: bool
) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for count, row in enumerate(rows, start=1):  # noqa: B007  the count outlives the loop
            values = {c.name: row.values[c.name] for c in columns}
            file.write(json.dumps(values, default=str, ensure_ascii=False) + "\n")
    return count


def _write_parquet(
    path: Path, columns: Sequence[SyncColumn], rows: Iterator[Row], _is_neutral: bool
) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {
        "varchar": pa.string(),
        "bigint": pa.int64(),
        "double": pa.float64(),
        "boolean": pa.bool_(),
    }
    times = {"timestamp": pa.timestamp("us"), "date": pa.date32()}
    schema = pa.schema([(column.name, {**kinds, **times}[column.type]) for column in columns])
    count = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while chunk := list(islice(rows, 50_000)):
            writer.write_table(
                pa.Table.from_pylist([dict(row.values) for row in chunk], schema=schema)
            )
            count += len(chunk)
    return count


Writer = Callable[[Path, Sequence[SyncColumn], Iterator[Row], bool], int]
WRITERS: dict[str, Writer] = {"csv": _write_csv, "ndjson": _write_ndjson, "parquet": _write_parquet}


def write(path: Path, sync: SyncConfig, rows: Iterator[Row]) -> int:
    """Write the rows in the sync's format; return their number."""
    return WRITERS[sync.options.get("format", "csv")](path, sync.columns, rows, _is_neutral(sync))


def _is_neutral(sync: SyncConfig) -> bool:
    return bool(sync.options.get("formulas", NEUTRALIZE) == NEUTRALIZE)


def _text(value: Any) -> str:
    # A time stays as it was always written here, for those who read the files.
    return str(value) if isinstance(value, datetime) else values.for_text(value)


def _cell(value: Any) -> str:
    return formulas.neutralized(_text(value))


def keys(path: Path, sync: SyncConfig) -> Iterator[str]:
    """Values of the key column of a written file."""
    import duckdb

    is_text = path.suffix == ".csv" and _is_neutral(sync)
    with duckdb.connect() as connection:
        reader = {".parquet": "read_parquet", ".ndjson": "read_ndjson"}.get(path.suffix)
        source = (
            f"{reader}('{path}')"
            if reader
            else f"read_csv('{path}', all_varchar=true, header=true)"
        )
        for (key,) in connection.execute(
            f'select cast("{sync.key}" as varchar) from {source}'
        ).fetchall():
            yield formulas.original(key) if is_text and key is not None else key


def write_without(source: Path, target: Path, key: str, is_withdrawn: IsWithdrawn) -> int:
    """Copy a written file without the rows whose key is withdrawn, as they are; return the rows
    that are left.

    A file without the column ``key`` was written by an earlier configuration: there any column may
    be the key.
    """
    copies = {".csv": _copy_csv, ".ndjson": _copy_ndjson, ".parquet": _copy_parquet}
    try:
        return copies[source.suffix](source, target, key, is_withdrawn)
    except (ValueError, LookupError, csv.Error, StopIteration):
        raise DestinationError(
            "the delivered file cannot be read, so nobody can be removed from it",
            allowed="the file as it was delivered",
            remedy=(
                "delete the file and its manifest.json at the destination, then run the sync again"
            ),
        ) from None


def _asked(names: list[str], key: str) -> list[str]:
    return [key] if key in names else names


def _copy_csv(source: Path, target: Path, key: str, is_withdrawn: IsWithdrawn) -> int:
    count = 0
    csv.field_size_limit(2**31 - 1)  # a list of segments may be longer than the usual 128 KiB
    with (
        source.open(encoding="utf-8", newline="") as old,
        target.open("w", encoding="utf-8", newline="") as new,
    ):
        reader = csv.reader(old)
        writer = csv.writer(new, lineterminator="\n")
        names = next(reader)
        writer.writerow(names)
        places = [names.index(name) for name in _asked(names, key)]
        for cells in reader:
            if any(
                is_withdrawn(cells[i]) or is_withdrawn(formulas.original(cells[i])) for i in places
            ):
                continue
            writer.writerow(cells)
            count += 1
    return count


def _copy_ndjson(source: Path, target: Path, key: str, is_withdrawn: IsWithdrawn) -> int:
    count = 0
    with source.open(encoding="utf-8") as old, target.open("w", encoding="utf-8") as new:
        for line in old:
            values = json.loads(line)
            if any(is_withdrawn(_text(values[name])) for name in _asked(list(values), key)):
                continue
            new.write(line)
            count += 1
    return count


def _copy_parquet(source: Path, target: Path, key: str, is_withdrawn: IsWithdrawn) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    count = 0
    with (
        pq.ParquetFile(source) as old,
        pq.ParquetWriter(target, old.schema_arrow, compression="zstd") as new,
    ):
        for batch in old.iter_batches(50_000):
            asked = [batch.column(name).to_pylist() for name in _asked(batch.schema.names, key)]
            stays = [
                not any(is_withdrawn(_text(value)) for value in values)
                for values in zip(*asked, strict=True)
            ]
            left = pa.Table.from_batches([batch]).filter(pa.array(stays, pa.bool_()))
            new.write_table(left)
            count += left.num_rows
    return count
