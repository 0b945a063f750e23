"""Loads a source: its files, its database table, its API; says what came of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import duckdb

from segmentry import warehouse
from segmentry.errors import SourceError
from segmentry.settings import Settings
from sources import files, landing, readers
from sources.definitions import Source, expand

# Called with the file and the records landed of it so far.
OnProgress = Callable[[str, int], None]


@dataclass(frozen=True)
class FileReport:
    """What came of one file. status: landed, already loaded, empty, skipped, unreadable, missing or unreachable.

    records: landed by this load. problems: those of them the reader marked; staging quarantines them.
    """

    source: str
    file: str
    status: str
    records: int = 0
    problems: int = 0
    detail: str = ""

    @property
    def is_failed(self) -> bool:
        """Whether something of the file could not be landed."""
        return self.status in {"unreadable", "missing", "unreachable"}


def configured_files(settings: Settings, source: Source) -> list[files.Found]:
    """Files at the source's configured places."""
    patterns = [path for text in source.paths if (path := expand(text, settings)) is not None]
    return files.find(patterns, source.format, must_exist=False)


def load(
    settings: Settings, source: Source, paths: Sequence[str] = (), on_progress: OnProgress | None = None
) -> list[FileReport]:
    """Land what is not landed yet of these paths, or of the source's configured places without any."""
    found = files.find(paths, source.format, must_exist=True) if paths else configured_files(settings, source)
    with landing.one_at_a_time(settings), warehouse.connect(settings) as lake:
        reports = list(_load_files(lake, source, found, on_progress))
        if not paths:
            reports.extend(_extract(settings, lake, source))
    return reports


def has_news(settings: Settings, lake: duckdb.DuckDBPyConnection, source: Source) -> bool:
    """Whether the source has a file that is not landed as it now is, or a database or API to ask."""
    if is_extracted(settings, source):
        return True
    known = landing.marks(lake, source.name)
    found = [file for file in configured_files(settings, source) if not file.fault]
    return any((str(file.path), *file.bytes_and_time()) not in known for file in found)


def is_extracted(settings: Settings, source: Source) -> bool:
    """Whether a database or API is configured and its environment variables are set."""
    addresses = ["${" + source.database["url_env"] + "}"] if source.database else []
    addresses += [source.api["url"]] if source.api else []
    return any(expand(address, settings) is not None for address in addresses)


def _load_files(
    lake: duckdb.DuckDBPyConnection, source: Source, found: Sequence[files.Found], on_progress: OnProgress | None
) -> Iterator[FileReport]:
    known = landing.marks(lake, source.name)
    for file in found:
        try:
            yield _load_file(lake, source, file, known, on_progress)
        except OSError as error:
            yield FileReport(source.name, str(file.path), "unreadable", detail=error.strerror or "it cannot be read")


def _load_file(
    lake: duckdb.DuckDBPyConnection,
    source: Source,
    file: files.Found,
    known: set[tuple[str, int, int]],
    on_progress: OnProgress | None,
) -> FileReport:
    name = str(file.path)
    if file.fault:
        status = "skipped" if file.is_skipped else "unreadable" if file.path.is_file() else "missing"
        return FileReport(source.name, name, status, detail=file.fault)
    size, modified = file.bytes_and_time()
    if (name, size, modified) in known:
        return FileReport(source.name, name, "already loaded")
    item = landing.Input(source.name, name, file.sha256(), size, modified)
    if landing.is_landed(lake, source.name, item.sha256):
        return FileReport(source.name, name, "already loaded")
    records = readers.read(file.path, file.format, source)
    outcome = landing.land(lake, item, records, on_records=_counter(name, on_progress))
    if outcome.unreadable:
        return FileReport(source.name, name, "unreadable", outcome.records, outcome.problems, outcome.unreadable)
    status, detail = ("landed", "") if outcome.records else ("empty", "the file holds no record")
    return FileReport(source.name, name, status, outcome.records, outcome.problems, detail)


def _counter(name: str, on_progress: OnProgress | None) -> landing.OnRecords | None:
    if on_progress is None:
        return None
    total = 0

    def count(records: int) -> None:
        nonlocal total
        total += records
        on_progress(name, total)

    return count


def _extract(settings: Settings, lake: duckdb.DuckDBPyConnection, source: Source) -> Iterator[FileReport]:
    if not is_extracted(settings, source):
        return
    from sources import extraction  # dlt takes a second to import: only sources that extract pay

    for name, outcome in extraction.extract(settings, lake, source):
        if isinstance(outcome, SourceError):
            yield FileReport(source.name, name, "unreachable", detail=outcome.received)
        else:
            status = "landed" if outcome.records else "already loaded"
            yield FileReport(source.name, name, status, outcome.records)
