"""What Great Expectations 1.24 needs to work on DuckDB; a test fails when one of these is no longer
needed.
"""

from __future__ import annotations

import importlib
from typing import Any


class _Dialect(str):
    """Great Expectations compares the ``value`` of its own enumeration."""

    @property
    def value(self) -> str:
        return str(self)


def keep_connection_open() -> None:
    """Keep one connection per batch.

    Great Expectations closes a connection before it fetches; DuckDB then drops the pending result,
    and every metric ends in "list index out of range". Dialects on this list keep theirs.
    """
    engine: Any = importlib.import_module(
        "great_expectations.execution_engine.sqlalchemy_execution_engine"
    )
    dialects = engine._PERSISTED_CONNECTION_DIALECTS
    if "duckdb" not in [getattr(dialect, "value", dialect) for dialect in dialects]:
        engine._PERSISTED_CONNECTION_DIALECTS = (*dialects, _Dialect("duckdb"))
