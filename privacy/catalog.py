"""Takes deleted rows out of the lake's files and catalog: what is not deleted by rewriting stays
readable through earlier snapshots, delete files, statistics and free pages.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import duckdb

from segmentry import published, warehouse
from segmentry.settings import Settings

_CATALOG = "__ducklake_metadata_lake"
# In a process of its own: when Python's SQLite closes a file, it releases the locks of DuckDB in
# this one.
_VACUUM = (
    "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None);"
    " c.execute('vacuum'); c.execute('pragma wal_checkpoint(truncate)'); c.close()"
)


def clean(settings: Settings) -> dict[str, int]:
    """Rewrite files with deleted rows, expire all snapshots but the newest, delete their files, and
    renew the catalog's smallest and largest values. Time travel begins again here.
    """
    with warehouse.connect(settings, is_private=True, has_functions=False) as lake:
        before = _files(lake)
        # The snapshot that readers are pinned at goes as well: it has what is to be forgotten.
        published.unpin(lake)
        lake.execute("call ducklake_flush_inlined_data('lake')")
        for schema, table in _with_deletions(lake):
            lake.execute(
                "call ducklake_rewrite_data_files('lake', ?, schema => ?, delete_threshold => 0)",
                [table, schema],
            )
        lake.execute("call ducklake_expire_snapshots('lake', older_than => now())")
        lake.execute("call ducklake_cleanup_old_files('lake', cleanup_all => true)")
        if settings.is_embedded:  # with other writers, a file of a running one would look orphaned
            lake.execute("call ducklake_delete_orphaned_files('lake', cleanup_all => true)")
        _renew_statistics(lake)
        after = _files(lake)
    if settings.is_embedded:
        vacuum([str(warehouse.catalog_file(settings))])
    return {"files before": before, "files after": after}


def vacuum(files: Sequence[str]) -> None:
    """Rewrite SQLite files without their free pages."""
    for file in files:
        subprocess.run([sys.executable, "-c", _VACUUM, file], check=True, capture_output=True)


def _files(lake: duckdb.DuckDBPyConnection) -> int:
    row = lake.execute(f"select count(*) from {_CATALOG}.ducklake_data_file").fetchone()
    return int(row[0]) if row else 0


def _with_deletions(lake: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    return lake.execute(
        f"""
        select distinct s.schema_name, t.table_name
        from {_CATALOG}.ducklake_delete_file as d
        inner join {_CATALOG}.ducklake_table as t on d.table_id = t.table_id
        inner join {_CATALOG}.ducklake_schema as s on t.schema_id = s.schema_id
        where d.end_snapshot is null and t.end_snapshot is null and s.end_snapshot is null
        order by all
        """
    ).fetchall()


def _renew_statistics(lake: duckdb.DuckDBPyConnection) -> None:
    """Bring the statistics of columns of text to those of their files: DuckLake only widens
    them.
    """
    rows = lake.execute(
        f"""
        select s.table_id, s.column_id, min(f.min_value), max(f.max_value)
        from {_CATALOG}.ducklake_table_column_stats as s
        inner join {_CATALOG}.ducklake_column as c
            on s.table_id = c.table_id and s.column_id = c.column_id and c.end_snapshot is null
        left join {_CATALOG}.ducklake_file_column_stats as f
            on s.table_id = f.table_id and s.column_id = f.column_id
        where lower(c.column_type) in ('varchar', 'json')
        group by all
        having max(s.min_value) is distinct from min(f.min_value)
            or max(s.max_value) is distinct from max(f.max_value)
        """
    ).fetchall()
    for table, column, least, most in rows:
        lake.execute(
            f"update {_CATALOG}.ducklake_table_column_stats set min_value = ?, max_value = ?"
            " where table_id = ? and column_id = ?",
            [least, most, table, column],
        )
