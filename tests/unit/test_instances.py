"""The lake's kept instances: attached once, never shared in what is a connection's own, and never
old.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from segmentry import instances, warehouse
from segmentry.settings import Settings


def _first(lake: duckdb.DuckDBPyConnection, sql: str) -> object:
    return (lake.execute(sql).fetchone() or (None,))[0]


def _fill(settings: Settings, rows: int) -> None:
    with warehouse.connect(settings) as lake:
        lake.execute(
            f"create or replace table lake.raw.numbers as select i from range({rows}) t(i)"
        )


def _count(settings: Settings) -> object:
    with warehouse.connect(settings, read_only=True) as lake:
        return _first(lake, "select count(*) from lake.raw.numbers")


def test_the_lake_is_attached_once(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    instances.close_idle()
    opened = []
    connect = duckdb.connect

    def counted(*arguments: object, **options: object) -> duckdb.DuckDBPyConnection:
        opened.append(arguments)
        return connect(*arguments, **options)  # type: ignore[arg-type]

    _fill(home, 3)
    instances.close_idle()
    monkeypatch.setattr(duckdb, "connect", counted)
    assert [_count(home) for _ in range(5)] == [3] * 5
    assert len(opened) == 1
    with warehouse.connect(home, read_only=True, is_private=True) as lake:
        assert _first(lake, "select count(*) from lake.raw.numbers") == 3
    assert len(opened) == 2


def test_what_a_connection_makes_for_itself_ends_with_it(home: Settings) -> None:
    with warehouse.connect(home) as lake:
        lake.execute("create temp table mine as select 1")
        lake.execute("set TimeZone='Asia/Tokyo'")
        lake.execute("begin")
        lake.execute("create table lake.raw.unfinished as select 1")
        with warehouse.connect(home) as other, pytest.raises(duckdb.CatalogException):
            other.execute("select * from mine")
    with warehouse.connect(home) as lake:
        assert _first(lake, "select current_setting('TimeZone')") == "UTC"
        assert not warehouse.relation_exists(lake, "raw.unfinished")
        with pytest.raises(duckdb.CatalogException):
            lake.execute("select * from mine")


def test_a_private_connection_leaves_no_database_to_others(home: Settings) -> None:
    with warehouse.connect(home, read_only=True, is_private=True) as lake:
        lake.execute("attach ':memory:' as work")
    with warehouse.connect(home, read_only=True) as lake:
        names = "select count(*) from duckdb_databases() where database_name = 'work'"
        assert _first(lake, names) == 0


def test_what_another_process_commits_is_seen(home: Settings) -> None:
    _fill(home, 3)
    assert _count(home) == 3
    code = (
        "from segmentry import warehouse; from segmentry.settings import Settings\n"
        "with warehouse.connect(Settings.from_environment()) as lake:\n"
        "    lake.execute('insert into lake.raw.numbers select 1 from range(4)')\n"
        "    lake.execute('alter table lake.raw.numbers add column other integer')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert _count(home) == 7
    with warehouse.connect(home) as lake:
        assert _first(lake, "select count(other) from lake.raw.numbers") == 0


def test_a_home_that_is_replaced_is_not_answered_from_memory(
    home: Settings, tmp_path: Path
) -> None:
    _fill(home, 3)
    instances.close_idle()
    shutil.copytree(home.home, tmp_path / "earlier")
    _fill(home, 8)
    assert _count(home) == 8
    shutil.rmtree(home.home)
    shutil.move(tmp_path / "earlier", home.home)
    assert _count(home) == 3


def test_a_copy_that_is_taken_while_an_instance_is_kept_is_whole(
    home: Settings, tmp_path: Path
) -> None:
    _fill(home, 9)
    shutil.copytree(home.home, tmp_path / "copy")
    copy = Settings.from_environment({"SEGMENTRY_HOME": str(tmp_path / "copy")})
    warehouse.prepare(copy)
    assert _count(copy) == 9


def test_a_forked_child_opens_its_own(home: Settings) -> None:
    _fill(home, 5)
    with warehouse.connect(home, read_only=True) as lake:
        assert _first(lake, "select count(*) from lake.raw.numbers") == 5
        child = os.fork()
        if not child:
            os._exit(0 if _count(home) == 5 else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert _first(lake, "select count(*) from lake.raw.numbers") == 5


def test_few_are_kept(home: Settings) -> None:
    for rows in range(1, 8):
        _fill(home, rows)
        with warehouse.connect(home) as lake:
            snapshot = warehouse.current_snapshot(lake)
        with warehouse.connect(home, snapshot=snapshot) as lake:
            assert _first(lake, "select count(*) from lake.raw.numbers") == rows
    assert len(instances._instances) <= instances.MOST_IDLE


def test_an_instance_that_refuses_every_statement_is_replaced(home: Settings) -> None:
    """As after a fatal error of DuckDB: the withdrawals behind a failed stage still have a lake."""
    _fill(home, 4)
    assert _count(home) == 4
    for instance in instances._instances.values():
        instance.connection.close()
    assert _count(home) == 4


def test_an_instance_with_an_error_is_not_kept(home: Settings) -> None:
    _fill(home, 4)
    with (
        warehouse.connect(home, read_only=True) as other,
        pytest.raises(duckdb.Error),
        warehouse.connect(home, read_only=True) as lake,
    ):
        failed = list(instances._instances.values())[-1]
        try:
            lake.execute("select error('made up')").fetchall()
        finally:
            assert _first(other, "select count(*) from lake.raw.numbers") == 4
    assert failed not in instances._instances.values()
    with pytest.raises(duckdb.Error):
        failed.connection.execute("select 1")
    assert _count(home) == 4


@pytest.mark.parametrize("read_only", [True, False])
def test_the_first_command_on_a_moved_home_may_be_one_that_reads(
    home: Settings, tmp_path: Path, read_only: bool
) -> None:
    _fill(home, 6)
    instances.close_idle()
    shutil.move(home.home, tmp_path / "moved")
    there = Settings.from_environment({"SEGMENTRY_HOME": str(tmp_path / "moved")})
    with warehouse.connect(there, read_only=read_only) as lake:
        assert _first(lake, "select count(*) from lake.raw.numbers") == 6
