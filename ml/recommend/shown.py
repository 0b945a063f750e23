"""What a person is shown, read from the newest lists: for the command line and the profile."""

from __future__ import annotations

from typing import Any

import duckdb

from segmentry import restrictions, warehouse

_COLUMNS = "rank, product_id, score, kind, as_of, version"


def of(lake: duckdb.DuckDBPyConnection, profile_id: str | None) -> list[dict[str, Any]]:
    """The list of a person, best first; trending for a new visitor, for a person without a list,
    and for one who refused profiling since the lists were made. NotReadyError before the first run.
    """
    warehouse.require(lake, "ml.recommendations", made_by="score")
    refused = restrictions.refused_sql(lake, restrictions.PROFILING)
    own = warehouse.records(
        lake,
        f"select {_COLUMNS} from lake.ml.recommendations where profile_id = ?"
        f" and profile_id not in ({refused}) order by rank",
        [profile_id],
    )
    return own or warehouse.records(
        lake,
        f"select {_COLUMNS} from lake.ml.recommendations where profile_id is null order by rank",
        [],
    )


def pairs(lake: duckdb.DuckDBPyConnection, product_id: str) -> list[dict[str, Any]]:
    """What is bought and viewed together with a product, best first."""
    warehouse.require(lake, "ml.product_pairs", made_by="score")
    return warehouse.records(
        lake,
        "select kind, rank, other_product_id, score, baskets from lake.ml.product_pairs"
        " where product_id = ? order by kind, rank",
        [product_id],
    )
