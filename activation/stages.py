"""The stages of activation: build the audiences, send each sync, publish what was acknowledged."""

from __future__ import annotations

import duckdb

from activation import config, engine, project, published
from activation.destination import of as destination_of
from activation.ledger import Ledger
from segmentry import dbt, freshness, warehouse
from segmentry.stages import RunContext, StageReport


def audiences(context: RunContext) -> StageReport:
    """Build one audience per sync, consent applied; drop those of syncs that are gone.

    Where nothing it reads has changed they stay as they are. Consent is asked for again as each row leaves.
    """
    settings = context.settings
    for sync in config.load(settings).values():
        destination_of(sync)
    with warehouse.connect(settings) as lake:
        published.ensure(lake)
    fitted, is_copy = project.fitting(settings)
    if freshness.is_current(fitted, "audiences"):
        return StageReport(notes=["nothing it reads has changed"], status="unchanged")
    read_from = freshness.snapshot(fitted)
    report = dbt.build(fitted, "path:models/audiences")
    with warehouse.connect(settings) as lake:
        dropped = _drop_others(lake, {f"aud_{name}" for name in config.load(settings)})
    freshness.mark(fitted, "audiences", read_from)
    notes = [f"dropped audiences.{name}, whose sync is gone" for name in dropped]
    if is_copy:
        notes.append("the audience models of this configuration were generated into the home's dbt_project")
    return StageReport(report.rows, notes)


def _drop_others(lake: duckdb.DuckDBPyConnection, wanted: set[str]) -> list[str]:
    found = [relation.partition(".")[2] for relation in warehouse.relations(lake, "audiences")]
    others = [name for name in found if name.startswith("aud_") and name not in wanted]
    for name in others:
        lake.execute(f'drop table lake.audiences."{name}"')
    return others


def sync_items(context: RunContext) -> list[str]:
    """Syncs the main job runs."""
    return [name for name, sync in config.load(context.settings).items() if sync.is_scheduled]


def sync(context: RunContext, item: str) -> StageReport:
    """Run one sync; whatever it raises is its own."""
    return engine.run_sync(context.settings, item)


def acknowledge(context: RunContext) -> StageReport:
    """Publish the ledger to the lake's schema ``activation``."""
    ledger = Ledger(context.settings)
    try:
        with warehouse.connect(context.settings) as lake:
            return StageReport(published.publish(lake, ledger))
    finally:
        ledger.close()
