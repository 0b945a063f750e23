"""Small tables of the lake that a stage writes itself, and the columns of a relation."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from segmentry import warehouse


def replace_rows(
    lake: duckdb.DuckDBPyConnection, relation: str, columns: str, rows: Sequence[tuple[object, ...]]
) -> None:
    """Make the relation contain these rows; one that already does is left alone, so that nothing
    counts as changed.

    columns: names and types, as in ``create table``. The relation is created where it is missing.
    """
    if not warehouse.relation_exists(lake, relation):
        lake.execute(f"create table if not exists lake.{relation} ({columns})")
    current = lake.execute(f"select * from lake.{relation}").fetchall()
    if len(current) == len(rows) and all(row in current for row in rows):
        return
    lake.execute("begin")
    lake.execute(f"delete from lake.{relation}")
    if rows:
        marks = ", ".join("?" for _ in rows[0])
        lake.executemany(
            f"insert into lake.{relation} values ({marks})", [list(row) for row in rows]
        )
    lake.execute("commit")


def column_names(lake: duckdb.DuckDBPyConnection, source: str) -> list[str]:
    """Names of the columns of a relation, or of a query in parentheses."""
    described = lake.execute(f"select * from {source} limit 0").description or []
    return [column[0] for column in described]
