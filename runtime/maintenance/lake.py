"""Maintenance of the lake: small files are merged, old snapshots expire, and files that none of the
others needs are removed.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import duckdb

from privacy.catalog import vacuum
from segmentry import freshness, published, warehouse
from segmentry.settings import Settings

_CATALOG = "__ducklake_metadata_lake"
# A writer that was killed left it; one that runs has younger ones.
_ORPHAN_DAYS = 1


def planned(settings: Settings, days: int) -> dict[str, int]:
    """What ``clean`` would do: snapshots that expire, and the files and bytes that they alone need;
    orphans, and files that wait for their removal.
    """
    with warehouse.connect(settings, is_private=True, has_functions=False) as lake:
        kept = _first_kept(lake, days)
        (snapshots,) = _row(
            lake, f"select count(*) from {_CATALOG}.ducklake_snapshot where snapshot_id < ?", kept
        )
        files, size = _row(
            lake,
            f"select count(*), coalesce(sum(file_size_bytes), 0) from {_CATALOG}.ducklake_data_file"
            " where end_snapshot <= ?",
            kept,
        )
        waiting = lake.execute(
            "call ducklake_cleanup_old_files('lake', dry_run => true, cleanup_all => true)"
        ).fetchall()
        orphans = lake.execute(_orphans(dry_run=True)).fetchall() if settings.is_embedded else []
    removed = [path for (path,) in [*waiting, *orphans]]
    return {
        "snapshots": int(snapshots),
        "files": int(files) + len(removed),
        "bytes": int(size) + sum(_size(path) for path in removed),
    }


def clean(settings: Settings, days: int) -> dict[str, int]:
    """Merge, expire and remove. Call it as the only job and the lake's writer. Each statement is a
    transaction, so a kill leaves a sound lake, and a repetition goes on.
    """
    current = _current_marks(settings)
    with warehouse.connect(settings, is_private=True, has_functions=False) as lake:
        kept = _first_kept(lake, days)
        (snapshots,) = _row(
            lake, f"select count(*) from {_CATALOG}.ducklake_snapshot where snapshot_id < ?", kept
        )
        merged = lake.execute("call ducklake_merge_adjacent_files('lake')").fetchall()
        if snapshots:
            # By number: a change of the clock expires nothing else than what was counted.
            numbers = lake.execute(
                f"select snapshot_id from {_CATALOG}.ducklake_snapshot where snapshot_id < ?",
                [kept],
            ).fetchall()
            listed = ", ".join(str(number) for (number,) in numbers)
            lake.execute(f"call ducklake_expire_snapshots('lake', versions => [{listed}])")
        removed = lake.execute(
            "call ducklake_cleanup_old_files('lake', cleanup_all => true)"
        ).fetchall()
        if settings.is_embedded:  # with other writers, a file of a running one would look orphaned
            removed += lake.execute(_orphans(dry_run=False)).fetchall()
    _renew_marks(settings, current)
    if settings.is_embedded:
        _vacuum_catalog(settings)
    return {
        "snapshots": int(snapshots),
        "files": len(removed),
        "merged": sum(int(row[2]) for row in merged),
    }


def _first_kept(lake: duckdb.DuckDBPyConnection, days: int) -> int:
    """The snapshot that was the newest at the beginning of the period: time travel to any time of
    the period reads it or a later one.
    """
    (found,) = _row(
        lake,
        f"select coalesce(max(snapshot_id), 0) from {_CATALOG}.ducklake_snapshot"
        " where snapshot_time::timestamptz <= now() - to_days(?)",
        days,
    )
    pinned = published.pinned_at(lake)
    return int(found) if pinned is None else min(int(found), pinned)


def _row(lake: duckdb.DuckDBPyConnection, sql: str, value: int) -> tuple[Any, ...]:
    row = lake.execute(sql, [value]).fetchone()
    assert row is not None
    return row


def _orphans(*, dry_run: bool) -> str:
    word = "true" if dry_run else "false"
    return (
        f"call ducklake_delete_orphaned_files('lake', dry_run => {word},"
        f" older_than => now() - interval {_ORPHAN_DAYS} day)"
    )


def _current_marks(settings: Settings) -> list[str]:
    """Layers that a build would not change. A merge counts as a change of their tables, and their
    marks may name snapshots that expire; without new marks all would be built again.
    """
    with warehouse.connect(settings, read_only=True) as lake:
        if not warehouse.relation_exists(lake, freshness.MARKS):
            return []
        names = lake.execute(f"select layer from lake.{freshness.MARKS}").fetchall()
    return [
        name
        for (name,) in names
        if (
            freshness.is_current(settings, name)
            if name in freshness.SCHEMAS
            else freshness.is_refreshed(settings, name)
        )
    ]


def _renew_marks(settings: Settings, names: list[str]) -> None:
    if names:
        newest = freshness.snapshot(settings)
        with warehouse.connect(settings) as lake:
            lake.execute(
                f"update lake.{freshness.MARKS} set read_from = ?, written_at = ?"
                " where list_contains(?, layer)",
                [newest, newest, names],
            )


def _vacuum_catalog(settings: Settings) -> None:
    try:
        vacuum([str(warehouse.catalog_file(settings))])
    except subprocess.CalledProcessError:
        return  # a reader has it open; the free pages are used by what comes


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0
