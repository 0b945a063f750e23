"""Readers: one per format; each turns a file into unchanged records, and names what it could not
read.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from segmentry.errors import SourceError
from sources.definitions import Source
from sources.readers import csv_rows, documents, mapped, ndjson, parquet
from sources.readers.records import Records
from sources.readers.seen import Seen

Reader = Callable[[Path, Source, Seen], Iterator[Records]]

READERS: dict[str, Reader] = {
    "ndjson": ndjson.read,
    "json": documents.read,
    "csv": csv_rows.read,
    "parquet": parquet.read,
}


def read(path: Path, format_: str, source: Source, seen: Seen | None = None) -> Iterator[Records]:
    """Records of a file. A file that breaks off gives what was read of it and then a record of line
    0 with the reason.

    seen: takes in what the file's columns are called. Records of a mapped source have the names
    that staging reads.
    """
    records = _as_named(path, format_, source, seen or Seen(source.known))
    yield from mapped.applied(source.mapping, records) if source.mapping else records


def _as_named(path: Path, format_: str, source: Source, seen: Seen) -> Iterator[Records]:
    try:
        yield from READERS[format_](path, source, seen)
    except SourceError as error:
        yield Records.unreadable(error.received)
    except EOFError:
        yield Records.unreadable("the gzip stream breaks off before its end")
    except zlib.error:
        yield Records.unreadable("the gzip stream is damaged")
    except UnicodeError as error:
        yield Records.unreadable(
            f"it is not text in the encoding {getattr(error, 'encoding', 'expected')}"
        )
    except OSError as error:  # gzip.BadGzipFile is one of them
        yield Records.unreadable(error.strerror or "the gzip stream is damaged")
