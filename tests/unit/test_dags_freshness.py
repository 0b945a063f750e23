"""A layer is built again when, and only when, something it reads has changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from segmentry import freshness, warehouse
from segmentry.settings import Settings

TABLES = (
    "raw.orders",
    "staging.stg_orders__orders",
    "marts.orders",
    "features.spine",
    "observability.clock",
)


@pytest.fixture
def built(home: Settings, tmp_path: Path) -> Settings:
    """A lake in which the layer ``marts`` was just built from a project of one model."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "orders.sql").write_text("select 1 as order_id")
    settings = replace(home, dbt_project=project)
    with warehouse.connect(settings) as lake:
        for table in TABLES:
            lake.execute(f"create table lake.{table} as select 1 as id")
    read_from = freshness.snapshot(settings)
    execute(settings, "create or replace table lake.marts.orders as select 2 as id")
    freshness.mark(settings, "marts", read_from)
    return settings


def execute(settings: Settings, sql: str) -> None:
    with warehouse.connect(settings) as lake:
        lake.execute(sql)


def test_a_layer_that_was_just_built_is_current(built: Settings) -> None:
    assert freshness.is_current(built, "marts")
    assert not freshness.is_current(built, "features"), "it was never marked"


@pytest.mark.parametrize(
    "sql",
    [
        "insert into lake.raw.orders values (2)",
        "delete from lake.staging.stg_orders__orders",
        "update lake.staging.stg_orders__orders set id = 3",
        "create or replace table lake.staging.stg_orders__orders as select 9 as id",
        "create view lake.staging.another as select 1 as id",
        "drop table lake.marts.orders",
        "insert into lake.marts.orders values (3)",
        "insert into lake.observability.clock values (2)",
    ],
)
def test_a_change_of_input_or_content_is_noticed(built: Settings, sql: str) -> None:
    execute(built, sql)
    assert not freshness.is_current(built, "marts")


@pytest.mark.parametrize(
    "sql",
    [
        "insert into lake.features.spine values (2)",
        "create table lake.observability.gate_results as select 1 as id",
        "create table lake.activation.sync_runs as select 1 as id",
    ],
)
def test_a_change_behind_it_is_not_its_own(built: Settings, sql: str) -> None:
    execute(built, sql)
    assert freshness.is_current(built, "marts")


def test_a_change_of_the_projects_text_is_seen(built: Settings) -> None:
    (built.dbt_project / "orders.sql").write_text("select 2 as order_id")
    assert not freshness.is_current(built, "marts")


def test_what_came_in_during_the_build_is_seen(built: Settings) -> None:
    read_from = freshness.snapshot(built)
    execute(built, "insert into lake.raw.orders values (7)")
    freshness.mark(built, "marts", read_from)
    assert not freshness.is_current(built, "marts")


def test_marks_of_expired_snapshots_count_for_nothing(built: Settings) -> None:
    execute(built, "insert into lake.features.spine values (2)")
    execute(built, "call ducklake_expire_snapshots('lake', older_than => now() + interval 1 day)")
    assert not freshness.is_current(built, "marts")


def test_an_unchanged_layer_may_be_added_to(built: Settings) -> None:
    execute(built, "insert into lake.staging.stg_orders__orders values (2)")
    execute(built, "insert into lake.observability.clock values (2)")
    assert freshness.is_intact(built, "marts"), "what it reads may have changed, and the clock"
    assert not freshness.is_intact(built, "features"), "it was never built"
    execute(built, "delete from lake.marts.orders")
    assert not freshness.is_intact(built, "marts"), "its content has changed"


def test_a_layer_of_other_text_is_built_from_the_beginning(built: Settings) -> None:
    (built.dbt_project / "orders.sql").write_text("select 2 as order_id")
    assert not freshness.is_intact(built, "marts")
