"""The stages of activation: build the audiences, send each sync, publish what was acknowledged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import duckdb

from activation import (
    definitions,
    engine,
    generate,
    opt_out_pull,
    published,
    renaming,
    retirement,
)
from activation.destination import of as destination_of
from activation.ledger import deployed
from activation.ledger.database import Ledger
from activation.suppression_lists import ListWatch
from segmentry import dbt, freshness, sync_files, warehouse
from segmentry import withdrawals as consent
from segmentry.errors import SegmentryError
from segmentry.stages import RunContext, StageReport


def audiences(context: RunContext) -> StageReport:
    """Build one audience per sync, consent applied; drop those of deleted and disabled syncs.

    The models are made from the configuration as the stage runs. If nothing they read has changed
    they stay as they are. Consent is asked for again as each row leaves.
    """
    settings = context.settings
    for sync in sync_files.load(settings).values():
        destination_of(sync)
    generate.texts(
        settings
    )  # a configuration that does not fit is reported here, before dbt misses its models
    with warehouse.connect(settings) as lake:
        published.ensure(lake)
        ListWatch(settings).bring_in(lake, partial(warehouse.current_snapshot, lake))
    if freshness.is_current(settings, "audiences"):
        return StageReport(notes=["nothing it reads has changed"], status="unchanged")
    read_from = freshness.snapshot(settings)
    report = dbt.build(settings, "path:models/audiences")
    with warehouse.connect(settings) as lake:
        syncs = [sync for sync in sync_files.load(settings).values() if sync.is_enabled]
        dropped = _drop_others(lake, {f"aud_{sync.name}" for sync in syncs})
        definitions.record(lake, syncs)
    freshness.mark(settings, "audiences", read_from)
    return StageReport(
        report.rows,
        [f"dropped audiences.{name}, whose sync is deleted or disabled" for name in dropped],
    )


def _drop_others(lake: duckdb.DuckDBPyConnection, wanted: set[str]) -> list[str]:
    found = [relation.partition(".")[2] for relation in warehouse.relations(lake, "audiences")]
    others = [name for name in found if name.startswith("aud_") and name not in wanted]
    for name in others:
        lake.execute(f'drop table lake.audiences."{name}"')
    return others


def sync_items(context: RunContext) -> list[str]:
    """Syncs of the main job, and those it does not run of which a destination has rows: withdrawals
    reach them too.
    """
    syncs = sync_files.load(context.settings)
    scheduled = [name for name, sync in syncs.items() if sync.is_scheduled]
    return [*scheduled, *(name for name in _with_rows(context) if name not in scheduled)]


def sync(context: RunContext, item: str) -> StageReport:
    """Run one sync; whatever it raises is its own. One that is not scheduled has its withdrawals
    sent, and no more.
    """
    found = sync_files.load(context.settings).get(item)
    if found is not None and found.is_scheduled:
        return engine.run_sync(context.settings, item)
    report = engine.withdraw(context.settings, item, found)
    warnings = [one.warning for one in retirement.orphans(context.settings) if one.name == item]
    return replace(report, notes=[*report.notes, *warnings])


def refreshed_sync(context: RunContext, item: str) -> StageReport:
    """Run a sync whose file states `schedule: each_refresh`; every other one has its withdrawals
    sent, and no more.
    """
    found = sync_files.load(context.settings).get(item)
    if found is not None and found.is_refreshed:
        return engine.run_sync(context.settings, item)
    return engine.withdraw(context.settings, item, found)


def withdrawals(context: RunContext) -> StageReport:
    """Remove opted-out, suppressed and erased people from every destination, and do nothing else.

    It runs when the job stops before its syncs. Consent is brought up to date first, as far as that
    is possible. Every sync is tried; a fault is raised when all of them were.
    """
    faults: list[SegmentryError] = []
    fitting, _ = sync_files.load_each(context.settings)
    names = _with_rows(context)
    attempts: list[tuple[str, Callable[[], StageReport]]] = (
        [
            ("opt-outs", lambda: _read_back(context)),
            ("consent", lambda: consent.refresh(context)),
        ]
        if names
        else []
    )
    attempts += [
        (name, partial(engine.withdraw, context.settings, name, fitting.get(name)))
        for name in names
    ]
    attempts += [("publication", lambda: acknowledge(context))] if names else []
    rows: dict[str, int] = {}
    notes: list[str] = []
    for name, attempt in attempts:
        try:
            report = attempt()
        except Exception as error:  # an unexpected fault of one stops no other
            faults.append(_as_fault(name, error))
            continue
        rows |= {
            relation: count
            for relation, count in report.rows.items()
            if count and relation.startswith("sync ")
        }
        notes += report.notes
    if faults:
        raise _all_faults(faults)
    return StageReport(rows, notes, "done" if rows else "unchanged")


def _read_back(context: RunContext) -> StageReport:
    done = opt_out_pull.before_sending(context.settings)
    if done.faults:
        raise _all_faults(list(done.faults))
    return StageReport(notes=done.notes)


def _as_fault(name: str, error: Exception) -> SegmentryError:
    if isinstance(error, SegmentryError):
        return error
    return SegmentryError(
        f"{name}: an unexpected {type(error).__name__}", remedy="report it with its version"
    )


def _all_faults(faults: list[SegmentryError]) -> SegmentryError:
    parts = [(fault.received, fault.allowed, fault.remedy) for fault in faults]
    received, allowed, remedy = (
        "; ".join(dict.fromkeys(filter(None, part))) for part in zip(*parts, strict=True)
    )
    return SegmentryError(
        f"withdrawals were sent with {len(faults)} fault(s): {received}",
        allowed=allowed,
        remedy=remedy,
    )


def _with_rows(context: RunContext) -> list[str]:
    fitting, _ = sync_files.load_each(context.settings)
    ledger = Ledger(context.settings)
    try:
        for sync in fitting.values():
            renaming.settle(ledger, sync)
        return deployed.with_rows(ledger)
    finally:
        ledger.close()


def acknowledge(context: RunContext) -> StageReport:
    """Publish the ledger to the lake's schema ``activation``."""
    ledger = Ledger(context.settings)
    try:
        with warehouse.connect(context.settings) as lake:
            return StageReport(published.publish(lake, ledger))
    finally:
        ledger.close()
