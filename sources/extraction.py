"""Database and API sources through dlt."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from segmentry.settings import Settings
from sources import landing
from sources.definitions import Source


def extract(
    settings: Settings, lake: duckdb.DuckDBPyConnection, source: Source, on_progress: object
) -> Iterator[tuple[str, landing.Outcome]]:
    """Placeholder."""
    yield from ()
