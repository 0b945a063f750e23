"""Reads a file as loading would, and lands nothing."""

from __future__ import annotations

from segmentry.errors import UsageError
from segmentry.settings import Settings
from sources import files, landing, loading, readers
from sources.definitions import Source, all_sources, source_named
from sources.readers.seen import Seen


def check(settings: Settings, path: str, source: str | None = None) -> loading.FileReport:
    """What loading the file would report; without a source, for the one whose required columns it
    has.
    """
    if source is not None:
        return _checked(source_named(settings, source), path)
    reports = [_checked(one, path) for one in all_sources(settings).values() if one.known.names]
    fitting = [report for report in reports if report.status == "landed"]
    if fitting:
        return min(
            fitting, key=lambda report: (len(report.unread_columns), len(report.absent_columns))
        )
    if reports and all(report.status == reports[0].status != "refused" for report in reports):
        return reports[0]
    raise UsageError(
        f"{files.shown(path)} has the required columns of no source",
        allowed="a file of one of " + ", ".join(all_sources(settings)),
        remedy="name the source with --source: the report then lists what the file lacks",
    )


def _checked(source: Source, path: str) -> loading.FileReport:
    file, *_ = files.find([path], source.format, must_exist=True)
    if file.fault:
        return loading.FileReport(source.name, file.name, "unreadable", detail=file.fault)
    seen = Seen(source.known)
    outcome = landing.LandingOutcome()
    for batch in readers.read(file.path, file.format, source, seen):
        outcome.records += len(batch.lines)
        faults = [problem for problem in batch.problems if problem is not None]
        outcome.problems += len(faults)
        if faults and faults[-1].startswith("unreadable_file"):
            outcome.unreadable = faults[-1].partition(": ")[2]
    if outcome.records and not outcome.unreadable and not seen.is_usable:
        detail = loading.refusal_of(outcome, seen)
        return loading.FileReport(source.name, file.name, "refused", detail=detail)
    return loading.report_of(file, source, outcome, seen)
