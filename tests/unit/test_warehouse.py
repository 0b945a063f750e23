"""The lake's place: a home that was moved or copied, and a folder of files that is not the
lake's.
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from segmentry import warehouse
from segmentry.errors import ConfigError
from segmentry.settings import Settings


def _fill(settings: Settings) -> None:
    with warehouse.connect(settings) as lake:
        lake.execute("create table lake.raw.numbers as select i from range(5000) as t (i)")


def _total(settings: Settings) -> int:
    with warehouse.connect(settings, read_only=True) as lake:
        return int((lake.execute("select sum(i) from lake.raw.numbers").fetchone() or (0,))[0])


def test_a_home_that_was_moved_is_used_where_it_is(home: Settings, tmp_path: Path) -> None:
    _fill(home)
    moved = tmp_path / "else where"
    shutil.move(home.home, moved)
    there = Settings.from_environment({"SEGMENTRY_HOME": str(moved)})
    warehouse.prepare(there)
    assert _total(there) == sum(range(5000))
    with warehouse.connect(there) as lake:
        lake.execute("insert into lake.raw.numbers values (1)")
    assert _total(there) == sum(range(5000)) + 1
    assert not home.home.exists()


def test_a_copy_and_its_original_do_not_share_files(home: Settings, tmp_path: Path) -> None:
    _fill(home)
    shutil.copytree(home.home, tmp_path / "copy")
    copy = Settings.from_environment({"SEGMENTRY_HOME": str(tmp_path / "copy")})
    warehouse.prepare(copy)
    with warehouse.connect(copy) as lake:
        lake.execute("delete from lake.raw.numbers")
    assert _total(home) == sum(range(5000))


def test_a_lake_in_the_middle_of_a_transaction_is_prepared_again_in_the_same_process(
    home: Settings,
) -> None:
    _fill(home)
    with warehouse.connect(home) as reader:
        reader.execute("begin")
        reader.execute("select * from lake.raw.numbers limit 1").fetchall()
        for _ in range(2):
            warehouse.prepare(home)
            with warehouse.connect(home) as lake:
                lake.execute("insert into lake.raw.numbers values (1)")
        assert (home.home / "lake" / "catalog.sqlite-wal").exists(), "a reader stops no writer"
        reader.execute("commit")
    assert _total(home) == sum(range(5000)) + 2


def test_an_empty_folder_is_not_taken_for_the_lakes_files(home: Settings, tmp_path: Path) -> None:
    _fill(home)
    with pytest.raises(ConfigError, match="SEGMENTRY_LAKE_DATA"):
        warehouse.prepare(replace(home, lake_data=f"{tmp_path / 'empty'}/"))
    assert _total(home) == sum(range(5000))


WRITER = """
import sys
from segmentry import warehouse
from segmentry.settings import Settings
settings = Settings.from_environment()
with warehouse.writing(settings), warehouse.writing(settings):
    print("mine", flush=True)
    sys.stdin.read()
"""


def test_a_writer_that_is_killed_leaves_its_turn_to_the_next(home: Settings) -> None:
    words = [sys.executable, "-c", WRITER]
    env = {**os.environ, "SEGMENTRY_HOME": str(home.home)}
    with (
        subprocess.Popen(words, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first,
        subprocess.Popen(words, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as second,
    ):
        assert first.stdout is not None and second.stdout is not None
        ready, _, _ = select.select([first.stdout, second.stdout], [], [])
        holder, waiter = (first, second) if ready == [first.stdout] else (second, first)
        assert len(ready) == 1
        assert select.select([waiter.stdout], [], [], 0.5)[0] == []
        holder.kill()
        assert waiter.stdout is not None and waiter.stdout.readline() == b"mine\n"
        assert waiter.poll() is None
        waiter.kill()


def _extension(settings: Settings) -> Path:
    (found,) = settings.extensions.glob("v*/*/ducklake.duckdb_extension")
    return found


def test_extensions_of_the_packages_are_loaded_as_they_are_and_others_must_be_signed(
    home: Settings,
) -> None:
    assert warehouse.lake_config(home)["allow_unsigned_extensions"]
    with warehouse.connect(home) as lake:
        assert lake.execute("select current_setting('allow_unsigned_extensions')").fetchone() == (
            False,
        )
        with pytest.raises(duckdb.InvalidInputException, match="while database is running"):
            lake.execute("set allow_unsigned_extensions=true")
        altered = home.home / "altered.duckdb_extension"
        _alter(_extension(home), altered)
        with pytest.raises(duckdb.IOException, match="signature"):
            lake.execute(f"load '{altered}'")


def test_a_copy_of_an_extension_is_as_good_and_one_that_was_altered_is_refused(
    home: Settings,
) -> None:
    installed = _extension(home)
    copied = installed.with_suffix(".copied")
    shutil.copyfile(installed, copied)
    copied.replace(installed)
    assert warehouse.lake_config(home)["allow_unsigned_extensions"]
    _fill(home)
    assert _total(home) == sum(range(5000))
    _alter(installed, copied)
    copied.replace(installed)
    assert not warehouse.lake_config(home)["allow_unsigned_extensions"]
    with pytest.raises(duckdb.IOException, match="signature"), warehouse.connect(home):
        pass


def _alter(extension: Path, into: Path) -> None:
    content = bytearray(extension.read_bytes())
    content[len(content) // 2] ^= 1
    into.write_bytes(content)


def test_new_files_are_lz4_and_a_home_that_was_set_otherwise_keeps_its_rows(home: Settings) -> None:
    with warehouse.connect(home) as lake:
        lake.execute("call lake.set_option('parquet_compression', 'snappy')")
    _fill(home)
    warehouse.prepare(home)
    with warehouse.connect(home) as lake:
        lake.execute("insert into lake.raw.numbers select i from range(5000) as t (i)")
        found = lake.execute(
            f"select distinct compression from parquet_metadata('{home.lake_data}/raw/numbers/*')"
        )
        assert {codec for (codec,) in found.fetchall()} == {"SNAPPY", "LZ4_RAW"}
    assert _total(home) == 2 * sum(range(5000))


def test_processes_that_start_on_a_new_home_at_once_all_find_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGMENTRY_HOME", str(tmp_path / "new"))
    code = (
        "from segmentry import warehouse; from segmentry.settings import Settings\n"
        "warehouse.prepare(Settings.from_environment())\n"
    )
    started = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(6)]
    assert [one.wait(timeout=120) for one in started] == [0] * 6
    with warehouse.connect(Settings.from_environment()) as lake:
        assert not warehouse._missing_schemas(lake)
        assert not warehouse._other_options(lake)
