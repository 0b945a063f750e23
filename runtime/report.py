"""The report of a home: one page with sizes, personas, models, deliveries and records. A whole run
leaves it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from segmentry import page, warehouse
from segmentry.settings import Settings

# More bars than this are no picture.
_MOST = 20
_PEOPLE = "select count(*) from lake.profiles.profiles"
_REVENUE = "select coalesce(sum(net_revenue), 0) from lake.marts.orders"
_SEGMENTS = """
select segment, count(*) as people from lake.segments.segment_memberships
group by segment order by people desc, segment
"""
_PERSONAS = """
select coalesce(persona, 'unnamed') as persona, count(*) as people from lake.ml.cluster_assignments
where as_of = (select max(as_of) from lake.ml.cluster_assignments) group by all
    order by people desc, persona
"""
_DELIVERIES = """
select sync, status, sent_add as added, sent_update as updated, sent_remove as removed,
    blocked as blocked_by_consent,
    rejected, finished_at
from lake.activation.sync_runs
qualify row_number() over (partition by sync order by started_at desc) = 1 order by sync
"""
_RECORDS = """
select source, sum(landed)::bigint as landed, sum(accepted)::bigint as accepted,
    sum(quarantined)::bigint as quarantined, sum(duplicates)::bigint as duplicates
from lake.staging.landing_balance group by source order by source
"""


def place(settings: Settings) -> Path:
    """Where the report is."""
    return settings.home / "report.html"


def largest_segments(settings: Settings, most: int) -> list[dict[str, Any]]:
    """Names and sizes of the largest segments, the largest first."""
    with warehouse.connect(settings, read_only=True) as lake:
        return _rows(lake, "segments.segment_memberships", _SEGMENTS)[:most]


def write(settings: Settings, models: list[dict[str, Any]]) -> Path:
    """Write the page again; models: rows of `segmentry models list`. The page names what is
    missing.
    """
    with warehouse.connect(settings, read_only=True) as lake:
        sizes = _rows(lake, "segments.segment_memberships", _SEGMENTS)
        personas = _sizes(_rows(lake, "ml.cluster_assignments", _PERSONAS))
        parts = [
            page.tiles(_facts(lake, len(sizes))),
            page.section(
                "Segments",
                f"The {_MOST} largest. A person may be in several.",
                page.bars(_sizes(sizes), "people"),
            ),
            page.section(
                "Personas", "Groups that the clustering model finds.", page.bars(personas, "people")
            ),
            page.section(
                "Models",
                "The champion of each model, and how good it was on data it had not seen.",
                "",
            ),
            page.table(models),
            page.section("Deliveries", "The last run of each sync.", ""),
            page.table(_rows(lake, "activation.sync_runs", _DELIVERIES)),
            page.section(
                "Records", "Landed = accepted + quarantined + duplicates, for each source.", ""
            ),
            page.table(_rows(lake, "staging.landing_balance", _RECORDS)),
        ]
    path = place(settings)
    path.write_text(page.document("Segmentry: report of the last run", parts), encoding="utf-8")
    return path


def _facts(lake: duckdb.DuckDBPyConnection, segments: int) -> Mapping[str, str]:
    facts = {"segments with people": f"{segments:,}"}
    if warehouse.relation_exists(lake, "profiles.profiles"):
        facts["people"] = f"{_one(lake, _PEOPLE):,}"
    if warehouse.relation_exists(lake, "marts.orders"):
        facts["net revenue"] = f"{_one(lake, _REVENUE):,.2f}"
    if warehouse.relation_exists(lake, "observability.clock"):
        facts["as of, UTC"] = (
            f"{_one(lake, 'select max(as_of) from lake.observability.clock'):%Y-%m-%d %H:%M}"
        )
    return facts


def _one(lake: duckdb.DuckDBPyConnection, sql: str) -> Any:
    (value,) = lake.execute(sql).fetchone() or (None,)
    return value


def _rows(lake: duckdb.DuckDBPyConnection, relation: str, sql: str) -> list[dict[str, Any]]:
    return warehouse.records(lake, sql) if warehouse.relation_exists(lake, relation) else []


def _sizes(rows: list[dict[str, Any]]) -> dict[str, float]:
    return {next(iter(row.values())): float(row["people"]) for row in rows[:_MOST]}
