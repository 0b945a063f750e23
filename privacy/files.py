"""Takes people's records out of files of records: those that were landed, and those that syncs
wrote. Each file is replaced in one step.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from privacy.search import ValueScan, text_of
from privacy.subjects import Subject, tombstones_of
from segmentry.tombstones import Tombstones, is_distinct

_DELIMITERS = ",;\t|"
# Called with the new content's place before it replaces the file.
BeforeReplace = Callable[[Path, Path], None]


@dataclass(frozen=True)
class Record:
    """Judges records. graves: who is forgotten; scan: how their values are found in the rest;
    has_short: some values are too short to be found in a text, so every record is read.
    """

    graves: Tombstones
    scan: ValueScan
    has_short: bool = False

    def kept(self, line: str, raw: str) -> str | None:
        """The line as it stays, or None if it is a forgotten person's. raw: the same as JSON."""
        if not self.scan.may_have(line):
            is_theirs = self.has_short and self.graves.names_forgotten(raw)
            return None if is_theirs else line
        if self.graves.names_forgotten(raw):
            return None
        return self.scan.matcher.cleaned(line)


def judge(lake: duckdb.DuckDBPyConnection, subject: Subject, scan: ValueScan) -> Record:
    """How records of files are judged: as records that arrive are."""
    row = lake.execute("select getvariable('shop_country')").fetchone()
    has_short = not all(is_distinct(value) for _, value in subject.spelled)
    graves = Tombstones.of(tombstones_of(subject), row[0] if row else None)
    return Record(graves, scan, has_short)


def clean(path: Path, record: Record, before_replace: BeforeReplace) -> int:
    """Take the records out of one file; returns how many."""
    if path.suffix == ".parquet":
        return _clean_parquet(path, record, before_replace)
    text = text_of(path)
    is_packed = path.read_bytes()[:2] == b"\x1f\x8b"
    name = path.name.removesuffix(".gz")
    if name.endswith((".csv", ".tsv")):
        lines, removed = _csv(text, record)
    elif name.endswith(".json") and text.lstrip().startswith("["):
        lines, removed = _array(text, record)
    else:
        lines, removed = _lines(text, record)
    new = "".join(lines)
    if new != text:
        content = new.encode()
        _replace(path, gzip.compress(content, mtime=0) if is_packed else content, before_replace)
    return removed


def _lines(text: str, record: Record) -> tuple[list[str], int]:
    kept: list[str] = []
    removed = 0
    for line in text.splitlines(keepends=True):
        left = record.kept(line, line)
        removed += left is None
        kept += [] if left is None else [left]
    return kept, removed


def _csv(text: str, record: Record) -> tuple[list[str], int]:
    """Rows as they are written: a row may go over several lines."""
    lines = text.splitlines(keepends=True)
    first = lines[0] if lines else ""
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(lines, delimiter=delimiter)
    header = next(reader, [])
    start = reader.line_num
    kept = lines[:start]
    removed = 0
    for row in reader:
        line = "".join(lines[start : reader.line_num])
        start = reader.line_num
        left = record.kept(line, json.dumps(dict(zip(header, row, strict=False))))
        removed += left is None
        kept += [] if left is None else [left]
    return kept, removed


def _array(text: str, record: Record) -> tuple[list[str], int]:
    try:
        found = json.loads(text)
    except ValueError:
        return _lines(text, record)
    texts = [json.dumps(one, ensure_ascii=False) for one in found]
    left = [record.kept(one, one) for one in texts]
    if left == texts:
        return [text], 0
    kept = [one for one in left if one is not None]
    return ["[" + ",\n".join(kept) + "]\n"], len(texts) - len(kept)


def _clean_parquet(path: Path, record: Record, before_replace: BeforeReplace) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not record.has_short and not record.scan.may_have(text_of(path)):
        return 0
    table = pq.read_table(path)
    rows = table.to_pylist()
    mask = []
    for row in rows:
        raw = json.dumps(row, default=str, ensure_ascii=False)
        mask.append(not record.graves.names_forgotten(raw))
    if all(mask):
        return 0
    buffer = io.BytesIO()
    codec = pq.ParquetFile(path).metadata.row_group(0).column(0).compression.lower()
    pq.write_table(
        table.filter(pa.array(mask)),
        buffer,
        compression="none" if codec == "uncompressed" else codec,
    )
    _replace(path, buffer.getvalue(), before_replace)
    return len(mask) - sum(mask)


def _replace(path: Path, content: bytes, before_replace: BeforeReplace) -> None:
    partial = path.with_name(f".{path.name}.erasure")
    partial.write_bytes(content)
    status = path.stat()
    # The same time of change at each attempt, so that a repetition after a kill leaves one mark.
    os.utime(partial, ns=(status.st_atime_ns, status.st_mtime_ns))
    partial.chmod(status.st_mode & 0o777)
    before_replace(path, partial)
    partial.replace(path)


def keep_as_landed(lake: duckdb.DuckDBPyConnection) -> BeforeReplace:
    """Record the shortened file as landed, before it is in place: it does not land again."""

    def record(path: Path, partial: Path) -> None:
        content = partial.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        marks = [digest, len(content), partial.stat().st_mtime_ns]
        old = hashlib.sha256(path.read_bytes()).hexdigest()
        lake.execute(
            """
            insert into lake.raw._loads
            select source, $file, $sha, $bytes, $time, 0, batch_id, loaded_at, problem, null
            from lake.raw._loads
            where sha256 = $old and source not in (
                select source from lake.raw._loads
                where sha256 = $sha and file = $file and modified_ns = $time
            )
            qualify row_number() over (partition by source order by loaded_at) = 1
            """,
            {"file": str(path), "sha": marks[0], "bytes": marks[1], "time": marks[2], "old": old},
        )

    return record


def outside(lake: duckdb.DuckDBPyConnection, home: Path, batches: Sequence[str]) -> list[str]:
    """Landed files of these batches that are not under the home and still exist."""
    rows = lake.execute(
        "select distinct file from lake.raw._loads where list_contains(?, batch_id) order by file",
        [list(batches)],
    ).fetchall()
    return [
        file
        for (file,) in rows
        if file.startswith("/") and not Path(file).is_relative_to(home) and Path(file).exists()
    ]
