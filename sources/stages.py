"""Stage functions of the sources room."""

from __future__ import annotations

from segmentry import money, waiting, warehouse
from segmentry.errors import SourceError
from segmentry.settings import Settings
from segmentry.stages import RunContext, StageReport
from sources import decisions, landing, loading
from sources import staging as staging_layer
from sources.definitions import all_sources, raw_tables, source_named


def ensure_raw(settings: Settings) -> None:
    """Create the lake and the raw tables of the configured sources that it lacks."""
    warehouse.prepare(settings)
    with warehouse.connect(settings) as lake:
        landing.ensure_tables(lake, raw_tables(settings))
        waiting.ensure(lake)
    money.write_policy(settings)


def load_items(context: RunContext) -> list[str]:
    """Sources with something to land."""
    ensure_raw(context.settings)
    sources = all_sources(context.settings)
    with warehouse.connect(context.settings, read_only=True) as lake:
        return [
            name
            for name, source in sources.items()
            if loading.has_news(context.settings, lake, source)
        ]


def load(context: RunContext, source: str) -> StageReport:
    """Land what is not landed yet at the source's configured places.

    A file that cannot be read stops no other: it is in the notes and, with its reason, in
    staging.quarantine. A file of which every record is faulty is not landed, and is in the notes of
    every run until it is fixed or removed. The job goes on without such files, and ends with exit
    status 1. A database or API that cannot be reached fails the stage, after the rest has landed,
    so that it is tried again.
    """
    ensure_raw(context.settings)
    definition = source_named(context.settings, source)
    reports = loading.load(context.settings, definition, refuses_faulty=True)
    unreachable = [report.detail for report in reports if report.status == "unreachable"]
    if unreachable:
        raise SourceError(
            "; ".join(unreachable), remedy="see that it answers, then run the stage again"
        )
    notes = [
        f"{report.status}: {report.file}: {report.detail}" for report in reports if report.detail
    ]
    return StageReport(
        rows={f"raw.{definition.table}": sum(report.records for report in reports)},
        notes=notes,
        is_incomplete=any(report.is_failed for report in reports),
    )


def staging(context: RunContext) -> StageReport:
    """Raw records to typed, deduplicated, accounted-for staging."""
    ensure_raw(context.settings)
    decisions.land_waiting(context.settings)
    return staging_layer.build(context.settings, raw_tables(context.settings))
