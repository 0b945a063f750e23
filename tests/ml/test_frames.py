"""The relation that the SQL of specs reads, under its present and its former name: by pytest, with
an empty DuckDB.
"""

from __future__ import annotations

from datetime import datetime

import duckdb
import pytest

from ml.data import frames

DATES = [(datetime(2026, 1, 1), datetime(2026, 4, 1)), (datetime(2026, 2, 1), datetime(2026, 5, 2))]


@pytest.mark.parametrize("relation", ["training_dates", "moments"])
def test_specs_read_the_newest_training_dates(relation: str) -> None:
    with duckdb.connect() as lake:
        lake.execute("attach ':memory:' as lake")
        frames.set_training_dates(lake, DATES)
        frames.set_training_dates(lake, DATES[1:])
        found = lake.execute(f"select as_of, until_at from {relation}").fetchall()
    assert found == DATES[1:]
