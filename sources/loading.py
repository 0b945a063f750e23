"""Loads a source: its files, its database table, its API; returns the outcome of each."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import duckdb

from identity import resolution
from segmentry import configuration, warehouse
from segmentry.errors import SourceError
from segmentry.settings import Settings
from segmentry.tombstones import Tombstones
from sources import files, landing, readers
from sources.columns import shown_name
from sources.definitions import Source, expand
from sources.readers import mapped
from sources.readers.seen import Seen

# Problems that readers find; other names in a file's account of faults are columns.
_CODES = frozenset({
    "not_json", "unreadable_file", "cut_off", "invalid_encoding", "wrong_column_count",
    "missing_columns",
    "repeated_header", "unclosed_quote", "line_too_long", "empty_envelope", "nul_character",
})  # fmt: skip
# Statuses of a file of which something could not be landed.
FAILED = frozenset({"unreadable", "missing", "unreachable", "refused", "changed"})
# Called with the file and the records landed of it so far.
OnProgress = Callable[[str, int], None]


@dataclass(frozen=True)
class FileReport:
    """What loading did with one file.

    status: landed, already loaded, withdrawn, empty, skipped, unreadable, missing, refused, changed
    or unreachable. records: landed by this load. problems: those of them the reader marked; staging
    quarantines them. unread_columns: names in the file that nothing reads. absent_columns: columns
    that the source knows and the file does not have.
    """

    source: str
    file: str
    status: str
    records: int = 0
    problems: int = 0
    detail: str = ""
    unread_columns: Sequence[str] = ()
    absent_columns: Sequence[str] = ()

    @property
    def is_failed(self) -> bool:
        """Whether something of the file could not be landed."""
        return self.status in FAILED


class _NotLanded(Exception):
    """Ends the landing of a file that is not to be landed. status: as in a report."""

    def __init__(self, status: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


@dataclass(frozen=True)
class _Load:
    """One load of a source: its connection, what it has landed, and what was asked for."""

    lake: duckdb.DuckDBPyConnection
    source: Source
    known: set[tuple[str, int, int]]
    is_forced: bool
    refuses_faulty: bool
    on_progress: OnProgress | None
    graves: Tombstones
    landed_before: list[landing.Input] = field(default_factory=list)


def configured_files(settings: Settings, source: Source) -> list[files.FoundFile]:
    """Files at the source's configured places."""
    patterns = []
    for text in source.paths:
        plain = expand(text, settings)
        pattern = expand(text, settings, as_glob=True)
        if plain is not None and pattern is not None:
            patterns.append(plain if os.path.lexists(plain) else pattern)
    return files.find(patterns, source.format, must_exist=False)


def load(
    settings: Settings,
    source: Source,
    paths: Sequence[str] = (),
    on_progress: OnProgress | None = None,
    *,
    refuses_faulty: bool = False,
    is_forced: bool = False,
) -> list[FileReport]:
    """Land what is not landed yet of these paths, or of the source's configured places without any.

    refuses_faulty: leave out a file of which every record is faulty. is_forced: land such a file
    all the same, and one that was withdrawn.
    """
    found = (
        files.find(paths, source.format, must_exist=True)
        if paths
        else configured_files(settings, source)
    )
    with landing.one_at_a_time(settings), warehouse.connect(settings) as lake:
        known = landing.marks(lake, source.name)
        refuses = refuses_faulty and not is_forced
        graves = Tombstones(settings, configuration.shop_country(settings))
        load_ = _Load(lake, source, known, is_forced, refuses, on_progress, graves)
        reports = list(_load_files(load_, found))
        landing.remember(lake, load_.landed_before)
        if not paths:
            reports.extend(_extract(settings, lake, source))
    return reports


def has_news(settings: Settings, lake: duckdb.DuckDBPyConnection, source: Source) -> bool:
    """Whether the source has a file that is not landed as it now is, or a database or API to ask.

    A file that cannot be landed is news at every run, so that every run reports it.
    """
    if is_extracted(settings, source):
        return True
    known = landing.marks(lake, source.name)
    for file in configured_files(settings, source):
        try:
            if file.fault or (file.name, *file.bytes_and_time()) not in known:
                return True
        except OSError:  # removed or not readable since it was listed: loading reports it
            return True
    return False


def is_extracted(settings: Settings, source: Source) -> bool:
    """Whether a database or API is configured and its environment variables are set."""
    addresses = ["${" + source.database["url_env"] + "}"] if source.database else []
    addresses += [source.api["url"]] if source.api else []
    return any(expand(address, settings) is not None for address in addresses)


def _load_files(load_: _Load, found: Sequence[files.FoundFile]) -> Iterator[FileReport]:
    for file in found:
        try:
            yield _load_file(load_, file)
        except _NotLanded as stop:
            yield FileReport(load_.source.name, file.name, stop.status, detail=stop.detail)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
                raise
            why = (error.strerror or "it cannot be read").lower()
            yield FileReport(load_.source.name, file.name, "unreadable", detail=why)


def _load_file(load_: _Load, file: files.FoundFile) -> FileReport:
    source = load_.source
    if file.fault:
        status = (
            "skipped"
            if file.is_skipped
            else "unreadable"
            if os.path.lexists(file.path)
            else "missing"
        )
        return FileReport(source.name, file.name, status, detail=file.fault)
    mark = file.bytes_and_time()
    if (file.name, *mark) in load_.known and not load_.is_forced:
        return _loaded_before(load_, file)
    item = landing.Input(source.name, file.name, file.sha256(), *mark, table=source.table)
    is_landed = landing.is_landed(load_.lake, source.name, item.sha256)
    is_withdrawn = (
        is_landed
        and landing.withdrawn_because(load_.lake, source.name, file.name, item.sha256) is not None
    )
    if is_landed and not (load_.is_forced and is_withdrawn):
        if not is_withdrawn:
            load_.landed_before.append(item)
        return _loaded_before(load_, file, item.sha256)
    seen = Seen(source.known)
    records = readers.read(file.path, file.format, source, seen)

    def check(outcome: landing.LandingOutcome) -> None:
        if file.bytes_and_time() != mark:
            raise _NotLanded(
                "changed", "it changed while it was read, so nothing of it is landed: load it again"
            )
        if (
            load_.refuses_faulty
            and outcome.records
            and not outcome.unreadable
            and not seen.is_usable
        ):
            raise _NotLanded("refused", refusal_of(outcome, seen))
        columns = mapped.columns(source.mapping, seen) if source.mapping else seen.columns()
        landing.write_columns(load_.lake, item, columns)
        if is_withdrawn:
            _judge_again(load_)

    counter = _counter(file.name, load_.on_progress)
    outcome = landing.land(
        load_.lake, item, records, on_records=counter, replaces=is_withdrawn, before_commit=check,
        graves=load_.graves,
    )  # fmt: skip
    return report_of(file, source, outcome, seen)


def _judge_again(load_: _Load) -> None:
    """What a withdrawal left of a batch is built already: nobody would look at the batch again."""
    from sources import staging  # dbt, which only such a load pays for

    staging.ask_again(load_.lake, [load_.source.table])
    resolution.forget(load_.lake)


def report_of(
    file: files.FoundFile, source: Source, outcome: landing.LandingOutcome, seen: Seen
) -> FileReport:
    """What loading reports of a file that was read."""
    counts = (outcome.records, outcome.problems)
    if outcome.unreadable:
        return FileReport(source.name, file.name, "unreadable", *counts, outcome.unreadable)
    forgotten = [f"{outcome.forgotten:,} record(s) of forgotten people left out"]
    forgotten = forgotten if outcome.forgotten else []
    if not outcome.records:
        why = "; ".join(forgotten) or "the file has no record"
        return FileReport(source.name, file.name, "empty", *counts, why)
    unread = [shown_name(name) for name in seen.unread()]
    details = [f"not read: {_listed(unread)}"] if unread else []
    absent = seen.absent()
    if absent and seen.known.names:
        details.append(f"without: {_listed(absent)}")
    return FileReport(
        source.name,
        file.name,
        "landed",
        *counts,
        "; ".join([*seen.hints(), *details, *forgotten]),
        tuple(unread),
        tuple(absent),
    )


def _loaded_before(load_: _Load, file: files.FoundFile, sha256: str | None = None) -> FileReport:
    why = landing.withdrawn_because(load_.lake, load_.source.name, file.name, sha256)
    if why is None:
        return FileReport(load_.source.name, file.name, "already loaded")
    return FileReport(
        load_.source.name, file.name, "withdrawn", detail=f"{why}; --force lands it again"
    )


def refusal_of(outcome: landing.LandingOutcome, seen: Seen) -> str:
    """Why a file is refused, in names of columns and codes of problems, never values."""
    faults = ", ".join(
        _fault(name, count, outcome.records) for name, count in seen.faults.most_common(8)
    )
    hints = "".join(f"; {hint}" for hint in seen.hints())
    return (
        f"every one of its {outcome.records:,} record(s) is faulty: {faults}{hints}; nothing is"
        " landed. Fix the file, or land it as it is with --force"
    )


def _fault(name: str, count: int, records: int) -> str:
    if name.startswith("the header "):
        return name
    if name in _CODES:
        return f"{name} in {count:,}"
    return (
        f"the column {name} is missing" if count >= records else f"{name} is missing in {count:,}"
    )


def _listed(names: Sequence[str], most: int = 12) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _counter(name: str, on_progress: OnProgress | None) -> landing.OnRecords | None:
    if on_progress is None:
        return None
    total = 0

    def count(records: int) -> None:
        nonlocal total
        total += records
        on_progress(name, total)

    return count


def _extract(
    settings: Settings, lake: duckdb.DuckDBPyConnection, source: Source
) -> Iterator[FileReport]:
    if not is_extracted(settings, source):
        return
    from sources import extraction  # dlt takes a second to import: only sources that extract pay

    for name, outcome in extraction.extract(settings, lake, source):
        if isinstance(outcome, SourceError):
            yield FileReport(source.name, name, "unreachable", detail=outcome.received)
        else:
            status = "landed" if outcome.records else "already loaded"
            yield FileReport(source.name, name, status, outcome.records)
