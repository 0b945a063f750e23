"""Writing: the same rows always give the same bytes."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import pyarrow as pa
import pyarrow.parquet as pq

LEVEL = 2  # 1 to 9: higher is smaller and slower; 2 writes about 150 MB of text a second

KEPT = 2_000  # rows of a sheet that are remembered


class Lines:
    """A gzipped text file that is written line by line; it knows the number of its last line (from
    1).
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.written = 0
        self._plain: BinaryIO = path.open("wb")
        # A file name or a time in the header would make equal content differ.
        self._zipped = gzip.GzipFile(
            filename="", mode="wb", compresslevel=LEVEL, fileobj=self._plain, mtime=0
        )

    def write(self, lines: Sequence[str]) -> None:
        """Append lines, which must not contain line breaks."""
        if lines:
            self._zipped.write(("\n".join(lines) + "\n").encode())
            self.written += len(lines)

    def close(self) -> None:
        """Finish the file."""
        self._zipped.close()
        self._plain.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()


class Rows:
    """A CSV file with a header that is written row by row."""

    def __init__(self, path: Path, header: Sequence[str]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.written = 1
        self.last: list[Sequence[str]] = []
        self._file: BinaryIO = path.open("wb")
        self._file.write(_csv([header]))

    def write(self, rows: Iterable[Sequence[str]]) -> None:
        """Append rows of the header's width."""
        listed = list(rows)
        self._file.write(_csv(listed))
        self.last = [*self.last, *listed][-KEPT:]
        self.written += len(listed)

    def write_raw(self, line: bytes) -> None:
        """Append one line as it is."""
        self._file.write(line + b"\n")
        self.written += 1

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


class Series:
    """Files of one folder, each for one period; asking for the next period closes the last."""

    def __init__(self, folder: Path, prefix: str) -> None:
        self._folder = folder
        self._prefix = prefix
        self._open: Lines | None = None
        self._period = ""

    def at(self, period: str) -> Lines:
        """The file of a period."""
        if self._open is None or period != self._period:
            self.close()
            self._period = period
            self._open = Lines(self._folder / f"{self._prefix}-{period}.ndjson.gz")
        return self._open

    def close(self) -> None:
        """Finish the open file."""
        if self._open:
            self._open.close()
            self._open = None


def _csv(rows: Iterable[Sequence[str]]) -> bytes:
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def write_records(path: Path, names: Sequence[str], records: Sequence[Sequence[Any]]) -> None:
    """Write rows as a Parquet file; types are taken from the values, text if there is no row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = list(zip(*records, strict=True)) if records else [() for _ in names]
    arrays = [pa.array(column) if records else pa.array([], type=pa.string()) for column in columns]
    pq.write_table(pa.Table.from_arrays(arrays, names=list(names)), path, compression="zstd")
