"""Builds the layers of the dbt project: the stages that belong to no room, and what rooms build
theirs with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import duckdb

from segmentry import crawlers, dbt, dbt_docs, freshness, warehouse
from segmentry.clock import is_decided
from segmentry.errors import NotReadyError
from segmentry.settings import Settings
from segmentry.stages import RunContext, StageReport


def build_layer(
    context: RunContext,
    name: str,
    making: Callable[[Settings], StageReport] | None = None,
    *,
    is_complete: bool = True,
) -> StageReport:
    """Build a layer of which anything it reads has changed. is_complete: no later stage builds the
    rest of it.
    """
    if not is_decided(context.settings):
        raise NotReadyError(
            f"the stage '{name}' needs the run's clock, which is not decided yet",
            allowed="a lake in which the stage 'clock' has run",
            remedy="run `segmentry run`, or `segmentry run --select clock` first",
        )
    settings = context.settings
    if name in freshness.SCHEMAS and freshness.is_current(settings, name):
        return StageReport(notes=["nothing it reads has changed"], status="unchanged")
    read_from = freshness.snapshot(settings)
    report = making(settings) if making else dbt.build(settings, f"path:models/{name}")
    if is_complete and name in freshness.SCHEMAS:
        freshness.mark(settings, name, read_from)
    return report


def marts(context: RunContext) -> StageReport:
    """Events, sessions, orders and the other facts, each with its profile.

    Events and sessions of people without new records are kept, unless the layer is not as its last
    build left it.
    """
    is_kept = freshness.is_intact(context.settings, "marts")
    return build_layer(
        context, "marts", lambda settings: _built_marts(settings, full_refresh=not is_kept)
    )


def _built_marts(settings: Settings, *, full_refresh: bool) -> StageReport:
    crawlers.CrawlerJudge(
        crawlers.CrawlerPolicy.read(settings.config)
    )  # reports an expression that is none
    report = dbt.build(settings, "path:models/marts", full_refresh=full_refresh)
    with warehouse.connect(settings, read_only=True) as lake:
        return replace(report, notes=[*report.notes, *crawlers.notes(lake), *_refusals(lake)])


def _refusals(lake: duckdb.DuckDBPyConnection) -> list[str]:
    """How many refusals match no known identifier; no note where all do."""
    row = lake.execute(
        "select count(*) filter (where match = 'possible'), count(*) filter (where match = 'none')"
        " from lake.marts.consents where status <> 'granted'"
    ).fetchone()
    possible, unmatched = row or (0, 0)
    if not possible and not unmatched:
        return []
    return [
        f"{unmatched:,} refusal(s) match nobody, {possible:,} count for all that they may mean: see"
        " `segmentry consent unmatched`"
    ]


def features(context: RunContext) -> StageReport:
    """What was known of each profile before each as_of."""
    return build_layer(context, "features")


def profiles(context: RunContext) -> StageReport:
    """One current row per profile, contract enforced."""
    return build_layer(context, "profiles")


def observability(context: RunContext) -> StageReport:
    """Sizes, flows, freshness, gates and delivery; and the project's documentation, when it has
    changed.
    """
    report = build_layer(context, "observability")
    dbt_docs.refresh(context.settings)
    return report
