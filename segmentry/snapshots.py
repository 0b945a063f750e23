"""Notices that the lake has a newer snapshot, without a query for each look.
A sync looks before every request, because a withdrawal may have been loaded meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from segmentry import warehouse
from segmentry.settings import Settings

# A file that was written less than this ago may be written again without a change of its time: that
# has ticks of 10 ms.
SETTLED_NS = 100_000_000


def watch(settings: Settings, lake: duckdb.DuckDBPyConnection) -> Callable[[], int]:
    """A function that returns the newest committed snapshot, cheap enough to be called before every
    request.

    The catalog answers in milliseconds, so the embedded one is asked only when its files have
    changed. It is never opened here next to DuckDB: closing it would release the locks of DuckDB in
    this process.
    """
    if not settings.is_embedded:
        return lambda: warehouse.current_snapshot(lake)
    catalog = warehouse.catalog_file(settings)
    known: list[tuple[object, int]] = []

    def newest() -> int:
        mark = [_written(path) for path in (catalog, Path(f"{catalog}-wal"))]
        if not known or known[0][0] != mark:
            is_settled = time.time_ns() - max(found[0] for found in mark) > SETTLED_NS
            known[:] = [(mark if is_settled else None, warehouse.current_snapshot(lake))]
        return known[0][1]

    return newest


def _written(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0, 0, 0
    return found.st_mtime_ns, found.st_size, found.st_ino
