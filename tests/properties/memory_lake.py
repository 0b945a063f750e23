"""A lake in memory with what activation reads, and activation over it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from activation import plan as plans
from activation import published
from segmentry import configuration, snapshots, warehouse
from tests import consent_views
from tests.activation.shop import AS_OF, TABLES


def open_lake() -> duckdb.DuckDBPyConnection:
    """A lake in memory with what activation reads."""
    lake = duckdb.connect(":memory:")
    lake.execute("set TimeZone='UTC'")
    lake.execute("set threads = 1")  # few rows: more threads only wait for each other
    lake.execute("attach ':memory:' as lake")
    schemas = {name.partition(".")[0] for name in TABLES} | {"audiences", "activation"}
    for schema in sorted(schemas):
        lake.execute(f"create schema lake.{schema}")
    for name, columns in TABLES.items():
        lake.execute(f"create table lake.{name} ({columns})")
    lake.execute("insert into lake.observability.clock values (?, true)", [AS_OF])
    consent_views.create(lake)
    published.ensure(lake)
    lake.execute("use lake")
    return lake


def clear(lake: duckdb.DuckDBPyConnection) -> None:
    for relation in ("marts.consents", "activation.suppressions"):
        lake.execute(f"delete from lake.{relation}")
    built = "select table_name from duckdb_tables() where table_name like 'aud\\_%' escape '\\'"
    for (name,) in lake.execute(built).fetchall():
        lake.execute(f"drop table lake.audiences.{name}")


def read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each content of a file be parsed and checked once: most runs read what others read."""
    load_file = configuration.load_file
    read: dict[tuple[str, str, bytes], Any] = {}

    def load(path: Path, kind: str) -> Any:
        known = (path.name, kind, path.read_bytes())
        if known not in read:
            read[known] = load_file(path, kind)
        return copy.deepcopy(read[known])

    monkeypatch.setattr(configuration, "load_file", load)


def work_over(
    lake: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch, snapshot: Callable[[], int]
) -> None:
    """Have activation read this lake, which has no snapshots but these numbers."""

    @contextmanager
    def connect(*_: Any, **__: Any) -> Iterator[Any]:
        cursor = lake.cursor()
        cursor.execute("use lake")
        yield cursor

    monkeypatch.setattr(warehouse, "connect", connect)
    monkeypatch.setattr(snapshots, "watch", lambda *_: snapshot)
    monkeypatch.setattr(warehouse, "current_snapshot", lambda *_: snapshot())
    monkeypatch.setattr(
        plans, "audience", lambda sync, _: f"(select * from lake.audiences.aud_{sync.name})"
    )
