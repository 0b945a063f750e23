"""Staging built batch by batch has the same rows as one build of all batches: random files on the
SQL of staging.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.dbt_sql import Project

pytestmark = pytest.mark.slow

START = datetime(2026, 2, 1)
LAKE = duckdb.connect(":memory:")
LAKE.execute("set TimeZone = 'UTC'; create schema raw; create schema staging")
PROJECT = Project(LAKE, ("staging", "portable"))

IDS = st.sampled_from(["a", "b", "c", None])
TIMES = st.sampled_from(
    ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "0001-01-01T00:00:00Z", "soon", None]
)
EVENTS = st.fixed_dictionaries(
    {
        "messageId": IDS,
        "type": st.sampled_from(["track", "page", "rumour"]),
        "event": st.sampled_from(["Product Viewed", "Product Added"]),
        "anonymousId": st.just("cookie"),
        "timestamp": TIMES,
        "sentAt": TIMES,
    }
)
ORDERS = st.fixed_dictionaries(
    {
        "order_id": IDS,
        "ordered_at": st.just("2026-01-01T00:00:00Z"),
        "updated_at": TIMES,
        "status": st.sampled_from(["completed", "refunded", "lost"]),
        "total": st.sampled_from(["1.5", "2"]),
    }
)
LINES = st.fixed_dictionaries(
    {
        "InvoiceNo": st.sampled_from(["1", "C2"]),
        "StockCode": st.just("10A"),
        "Quantity": st.sampled_from(["1", "one"]),
        "InvoiceDate": st.just("2010-12-01 08:26:00"),
        "UnitPrice": st.just("2.5"),
    }
)
# A file is lines of records or of text that is none; a run takes in the files that have come since
# the one before.
BROKEN = st.sampled_from(["{", "[]", ""])
SOURCES = {"events": EVENTS, "orders": ORDERS, "online_retail": LINES}
RUNS = {
    source: st.lists(
        st.lists(st.lists(records.map(json.dumps) | BROKEN, max_size=5), max_size=3), max_size=4
    )
    for source, records in SOURCES.items()
}


def land(source: str, number: int, lines: list[str]) -> None:
    """One file: its batch is named by its content and place, so names are in no order."""
    batch = hashlib.sha256(f"{number}{lines}".encode()).hexdigest()[:8]
    at = START + timedelta(seconds=number)
    for line, text in enumerate(lines, start=1):
        LAKE.execute(
            f"insert into raw.{source} values (?, ?, ?, ?, ?, ?, null)",
            [source, f"{number}", line, at, batch, text],
        )


def built_whole(model: str) -> list[tuple[Any, ...]]:
    return LAKE.execute(
        f"select * from ({PROJECT.render(model)}) order by _batch_id, _line"
    ).fetchall()


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(runs=st.fixed_dictionaries(RUNS))
def test_batches_built_run_by_run_equal_one_build(
    runs: dict[str, list[list[list[str]]]],
) -> None:
    for source, files_of_runs in runs.items():
        model = f"staging/base_{source}"
        base = f"staging.base_{source}"
        LAKE.execute(f"drop table if exists {base}")
        LAKE.execute(
            f"create or replace table raw.{source} (_source varchar, _file varchar, _line bigint,"
            " _loaded_at timestamp, _batch_id varchar, _raw varchar, _problem varchar)"
        )
        number = 0
        for files in files_of_runs:
            for lines in files:
                land(source, number, lines)
                number += 1
            PROJECT.append(model)
            staged = LAKE.execute(f"select * from {base} order by _batch_id, _line").fetchall()
            assert staged == built_whole(model)
            landed = LAKE.execute(
                f"select _batch_id || ':' || _line from raw.{source} order by 1"
            ).fetchall()
            assert LAKE.execute(f"select record_id from {base} order by 1").fetchall() == landed, (
                "none lost or doubled"
            )
