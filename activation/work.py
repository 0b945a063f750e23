"""The scratch database of a run, ``work``: what a plan is computed from, in relations of DuckDB."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

if TYPE_CHECKING:
    import pyarrow as pa


def attach(lake: duckdb.DuckDBPyConnection) -> None:
    """Have the database: one of its own, as temporary tables are not seen by the cursors that read
    them later.
    """
    lake.execute("attach if not exists ':memory:' as work")


def put(lake: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    """Fill ``work.<name>`` with a table."""
    lake.register("incoming", table)
    lake.execute(f"create or replace table work.{name} as select * from incoming")
    lake.unregister("incoming")


def put_values(lake: duckdb.DuckDBPyConnection, name: str, values: set[str]) -> None:
    """Fill ``work.<name>`` with one column, ``value``."""
    # Imported where rows are exchanged: commands that only count start without.
    import pyarrow as pa

    put(lake, name, pa.table({"value": pa.array(sorted(values), pa.string())}))


def count_again(lake: duckdb.DuckDBPyConnection) -> int:
    """How many updates of the plan repeat a call that may or may not have arrived."""
    row = lake.execute("""
        select count(*) from work.plan semi join work.existing h
            on plan.ledger_key = h.ledger_key and h.payload_hash is null
        where plan.operation = 'update'
    """).fetchone()
    return int(row[0]) if row else 0


def count(lake: duckdb.DuckDBPyConnection, name: str) -> int:
    """Rows of ``work.<name>``."""
    row = lake.execute(f"select count(*) from work.{name}").fetchone()
    return int(row[0]) if row else 0
