"""The relations that models write: one transaction per (model, as_of), so that a killed task leaves
nothing half-written.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd

from ml.data.frames import Lake
from segmentry import warehouse
from segmentry.settings import Settings

TABLES = {
    "ml.scores": (
        "profile_id varchar, model varchar, as_of timestamp, score double, model_version varchar, "
        "scored_at timestamp"
    ),
    "ml.cluster_assignments": (
        "profile_id varchar, as_of timestamp, cluster_id integer, persona varchar, "
        "confidence double, model_version varchar"
    ),
    "observability.drift": (
        "model varchar, as_of timestamp, model_version varchar, feature varchar, psi double, "
        "ks double, verdict varchar"
    ),
    "ml.score_reasons": (
        "profile_id varchar, model varchar, as_of timestamp, rank integer, feature varchar, "
        "value varchar, usual varchar, effect double"
    ),
    "ml.shadow_scores": (
        "profile_id varchar, model varchar, as_of timestamp, score double, outcome varchar, "
        "model_version varchar"
    ),
    "ml.reviews": (
        "profile_id varchar, model varchar, as_of timestamp, reason varchar, score double, doubt"
        " double, evidence varchar"
    ),
    "ml.verdicts": "profile_id varchar, model varchar, as_of timestamp, verdict integer",
    "ml.persona_verdicts": "profile_id varchar, model varchar, as_of timestamp, verdict varchar",
    "ml.model_metrics": (
        "model varchar, model_version varchar, as_of timestamp, period_as_of timestamp,"
        " period_until timestamp, tested_rows bigint, metric varchar, model_value double, model_low"
        " double, model_high double, rule_value double, rule_low double, rule_high double"
    ),
    "ml.performance": (
        "model varchar, model_version varchar, as_of timestamp, until_at timestamp, measured_as_of"
        " timestamp, people bigint, unmatched bigint, metric varchar, realized double, realized_low"
        " double, realized_high double, promised double, promised_low double, promised_high double,"
        " verdict varchar"
    ),
    "ml.recommendations": (
        "profile_id varchar, rank integer, product_id varchar, score double, kind varchar, as_of"
        " timestamp, version varchar"
    ),
    "ml.product_pairs": (
        "product_id varchar, other_product_id varchar, kind varchar, rank integer, score double,"
        " baskets bigint, as_of timestamp, version varchar"
    ),
    "ml.score_runs": (
        "model varchar, as_of timestamp, model_version varchar, content_hash varchar, scored_rows"
        " bigint, scored_at timestamp"
    ),
}
# A relation, the condition of rows to delete with its parameters, and the rows in their place.
Write = tuple[str, str, list[Any], pd.DataFrame]
# Columns that other rooms do not create the relation with.
ADDED = (("ml.cluster_assignments", "status varchar"), ("ml.scores", "outcome varchar"))


def ensure(settings: Settings, lake: Lake) -> None:
    """Create the relations that are not there yet."""
    with warehouse.writing(settings):
        _ensure(lake)


def _ensure(lake: Lake) -> None:
    # Models are scored side by side: what is there is not made again, which could only conflict.
    for relation, columns in TABLES.items():
        if not warehouse.relation_exists(lake, relation):
            lake.execute(f"create table if not exists lake.{relation} ({columns})")
    for relation, column in ADDED:
        lake.execute(f"alter table lake.{relation} add column if not exists {column}")


def is_current(lake: Lake, model: str, as_of: datetime, version: str, content_hash: str) -> bool:
    """Whether these scores, by this version from this content, are already there."""
    row = lake.execute(
        "select count(*) from ml.score_runs where model = ? and as_of = ? and model_version = ? and"
        " content_hash = ?",
        [model, as_of, version, content_hash],
    ).fetchone()
    return bool(row and row[0])


def replace_rows(settings: Settings, lake: Lake, writes: list[Write]) -> None:
    """In one transaction: for each (relation, condition, parameters, rows), delete the rows that
    match the condition, and insert.
    """
    with warehouse.writing(settings):
        _replace_rows(lake, writes)


def _replace_rows(lake: Lake, writes: list[Write]) -> None:
    lake.execute("begin")
    for relation, condition, parameters, rows in writes:
        lake.execute(f"delete from lake.{relation} where {condition}", parameters)
        lake.register("incoming", rows)
        columns = ", ".join(f'"{c}"' for c in rows.columns)
        lake.execute(f"insert into lake.{relation} ({columns}) select {columns} from incoming")
        lake.unregister("incoming")
    lake.execute("commit")


def run_row(
    model: str, as_of: datetime, version: str, content_hash: str, rows: int, at: datetime
) -> pd.DataFrame:
    """The row of ml.score_runs that marks these scores as complete."""
    return pd.DataFrame(
        {
            "model": [model],
            "as_of": [as_of],
            "model_version": [version],
            "content_hash": [content_hash],
            "scored_rows": [rows],
            "scored_at": [at],
        }
    )
