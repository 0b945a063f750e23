"""The lake as a verb reads it that prints rows, without what only data frames need. Called by the
verbs that answer at once.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from segmentry import published, warehouse

if TYPE_CHECKING:
    import duckdb

    from segmentry.settings import Settings


@contextmanager
def lake_of(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """The lake, read only, without the functions of identifiers and without pandas."""
    with (
        without_pandas(),
        warehouse.connect(settings, read_only=True, has_functions=False) as lake,
    ):
        yield lake


@contextmanager
def published_lake(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """The lake as its readers see it, one state from beginning to end."""
    with without_pandas(), published.reading(settings, has_functions=False) as lake:
        yield lake


@contextmanager
def without_pandas() -> Iterator[None]:
    """Within this, pandas counts as not installed, unless it is loaded already.

    When DuckDB 1.5.5 binds a parameter it imports pandas to compare the value with pandas' own
    nulls, which takes longer than the query.
    """
    is_hidden = "pandas" not in sys.modules
    if is_hidden:
        sys.modules["pandas"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if is_hidden:
            del sys.modules["pandas"]
