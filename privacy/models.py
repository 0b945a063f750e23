"""Marks model versions that were trained while a forgotten person was in the lake."""

from __future__ import annotations

from segmentry import warehouse
from segmentry.settings import Settings

RELATION = "ml.erasures"
_COLUMNS = "model varchar, model_version varchar, erasure varchar, marked_at timestamp"


def mark(settings: Settings, erasure: str) -> int:
    """Record every version that has scores as trained before this erasure; returns how many.

    The features that a version was trained on name nobody once the run is over, so every version
    that exists counts. Train again with `segmentry models train`.
    """
    with warehouse.connect(settings) as lake:
        if not warehouse.relation_exists(lake, "ml.scores"):
            return 0
        lake.execute(f"create table if not exists lake.{RELATION} ({_COLUMNS})")
        lake.execute("begin")
        lake.execute(f"delete from lake.{RELATION} where erasure = ?", [erasure])
        row = lake.execute(
            f"""
            insert into lake.{RELATION}
            select distinct model, model_version, ?, localtimestamp from lake.ml.scores
            """,
            [erasure],
        ).fetchone()
        lake.execute("commit")
    return int(row[0]) if row else 0
