"""A restored home has every relation and file of the backup, wherever and however often it is
begun.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.main import run
from runtime.backup import checking, creating, erased, restoring
from segmentry import warehouse
from segmentry.errors import UsageError
from segmentry.settings import ROOT, Settings
from tests.activation import s3_server
from tests.backup import stocked

KEY = "a key of a test, long enough"


def assert_equal(old: Settings, new: Settings, made: Any) -> None:
    assert stocked.content(new) == stocked.content(old)
    for name, content in stocked.FILES.items():
        is_there = made.has_secrets or not name.startswith(("secrets", "airflow/keys"))
        path = new.home / name
        assert (path.read_bytes() == content) if is_there else not path.exists(), name
    assert not any((new.home / name).exists() for name in stocked.NOT_IN_IT)
    assert not list(new.home.rglob("*.part"))
    opened = [
        path
        for path in new.home.rglob("*")
        if path.stat().st_mode & 0o077 and "duckdb_extensions" not in path.parts
    ]
    assert not opened


@pytest.mark.parametrize("key", [None, KEY])
def test_every_relation_and_file_is_equal(built: Settings, tmp_path: Path, key: str | None) -> None:
    before = stocked.content(built)
    made = creating.create(built, str(tmp_path / "place"), key)
    with warehouse.connect(built) as lake:
        lake.execute("insert into marts.orders values (-1, -1)")
    new = stocked.at(tmp_path / "elsewhere" / "home")
    restoring.restore(new, str(tmp_path / "place"), key)
    assert stocked.content(new) == before
    with warehouse.connect(built) as lake:
        lake.execute("delete from marts.orders where id = -1")
    assert_equal(built, new, made)
    (place,) = stocked.rows(new.home / "mlflow" / "mlflow.db", "select * from experiments")[0]
    assert place == f"file://{new.home}/mlflow/artifacts/1"


def test_time_travel_goes_on(built: Settings, tmp_path: Path) -> None:
    with warehouse.connect(built) as lake:
        snapshot = warehouse.current_snapshot(lake)
        lake.execute("delete from marts.orders")
    creating.create(built, str(tmp_path / "place"), None)
    new = stocked.at(tmp_path / "new")
    restoring.restore(new, str(tmp_path / "place"), None)
    for home in (built, new):
        with warehouse.connect(home, snapshot=snapshot) as lake:
            assert warehouse.count(lake, "marts.orders") == 428
        with warehouse.connect(home, read_only=True) as lake:
            assert warehouse.count(lake, "marts.orders") == 0


@pytest.mark.slow
def test_an_earlier_backup_can_be_restored(built: Settings, tmp_path: Path) -> None:
    before = stocked.content(built)
    first = creating.create(built, str(tmp_path / "place"), None)
    with warehouse.connect(built) as lake:
        lake.execute("drop table profiles.profiles")
    creating.create(built, str(tmp_path / "place"), None)
    new = stocked.at(tmp_path / "new")
    restoring.restore(new, str(tmp_path / "place"), None, first.name)
    assert stocked.content(new) == before


def test_a_home_that_is_not_empty_is_refused_and_left_as_it_is(
    built: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    place = str(tmp_path / "place")
    creating.create(built, place, None)
    before = sorted(path for path in built.home.rglob("*"))
    assert run(["restore", place]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert sorted(path for path in built.home.rglob("*")) == before
    monkeypatch.setenv("SEGMENTRY_HOME", str(tmp_path / "new"))
    stocked.write(stocked.at(tmp_path / "new"), "inbox/orders/mine.csv", b"x")
    assert run(["restore", place]) == 2
    assert (tmp_path / "new" / "inbox" / "orders" / "mine.csv").read_bytes() == b"x"
    monkeypatch.setenv("SEGMENTRY_HOME", str(tmp_path / "other"))
    assert run(["restore", place, "--backup", "20200101T000000.000000Z"]) == 2
    assert run(["restore", place, "--erasures", str(built.home / "ledger.sqlite")]) == 2
    assert run(["restore", place]) == 0
    assert run(["restore", place]) == 2


def test_secrets_that_were_put_back_stay(built: Settings, tmp_path: Path) -> None:
    creating.create(built, str(tmp_path / "place"), KEY)
    new = stocked.at(tmp_path / "new")
    stocked.write(new, "secrets/tombstones.key", b"put back by hand, 32 characters!")
    restoring.restore(new, str(tmp_path / "place"), KEY)
    kept = (new.home / "secrets" / "tombstones.key").read_bytes()
    assert kept == b"put back by hand, 32 characters!"


@pytest.mark.slow
def test_killed_behind_any_file_it_goes_on(
    built: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = creating.create(built, str(tmp_path / "place"), None)
    place = str(tmp_path / "place")
    write = restoring._write
    new = stocked.at(tmp_path / "new")
    for limit in (0, 1, 2, 4):
        count = 0

        def killed(*words: Any, limit: int = limit) -> None:
            nonlocal count
            count += 1
            write(*words)
            if count > limit:
                raise KeyboardInterrupt

        monkeypatch.setattr(restoring, "_write", killed)
        with pytest.raises(KeyboardInterrupt):
            restoring.restore(new, place, None)
        assert_stopped(new)
        with pytest.raises(UsageError, match="no backup '2020"):
            restoring.restore(new, place, None, "20200101T000000.000000Z")
    monkeypatch.setattr(restoring, "_write", write)
    restoring.restore(new, place, None)
    restoring.restore(new, place, None)
    assert_equal(built, new, made)
    assert_stopped(new)


def assert_stopped(new: Settings) -> None:
    """From the first file on that is a database there is a ledger that stops every sync."""
    sql = "select count(*) from restores where released_at is null"
    assert stocked.rows(new.home / "ledger.sqlite", sql) == [(1,)]


def test_killed_while_it_writes_its_mark_it_goes_on(built: Settings, tmp_path: Path) -> None:
    made = creating.create(built, str(tmp_path / "place"), None)
    new = stocked.at(tmp_path / "new")
    stocked.write(new, ".restoring.json.4711", b'{"backu')
    restoring.restore(new, str(tmp_path / "place"), None)
    restoring.finish(new)
    assert_equal(built, new, made)
    assert not list(new.home.glob("*restoring*"))
    assert not list(new.home.glob(".restoring*"))


@pytest.mark.slow
def test_killed_by_the_machine_at_any_time_it_goes_on(built: Settings, tmp_path: Path) -> None:
    made = creating.create(built, str(tmp_path / "place"), None)
    new = tmp_path / "new"
    code = "from cli.main import main; main()"
    command = [sys.executable, "-c", code, "restore", str(tmp_path / "place")]
    env = {**os.environ, "SEGMENTRY_HOME": str(new), "PYTHONPATH": str(ROOT)}
    kills = 0
    for attempt in range(12):
        process = subprocess.Popen(
            command, env=env, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(0.4 + 0.3 * attempt)
        if process.poll() is not None:
            break  # the last one reached its end
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
    assert kills
    # A kill behind the end of a restore leaves a home that is not to be restored again.
    if (new / "restoring.json").exists() or not (new / "lake" / "catalog.sqlite").exists():
        subprocess.run(command, env=env, cwd=ROOT, check=True, capture_output=True)
    assert_equal(built, stocked.at(new), made)


def test_the_list_of_erasures_is_merged(built: Settings, tmp_path: Path) -> None:
    place = tmp_path / "place"
    creating.create(built, str(place), KEY)
    hashes = [f"{number:064x}" for number in range(3)]
    (tmp_path / "list").write_text("\n".join(hashes[1:]), encoding="ascii")
    stocked.write(built, "privacy/tombstones", f"{hashes[0]}\n".encode())
    erased.add_to_places(built)
    new = stocked.at(tmp_path / "new")
    done = restoring.restore(new, str(place), KEY, erasures=tmp_path / "list")
    assert done.new_erasures == 3
    assert (new.home / "privacy" / "tombstones").read_text().split() == hashes


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[s3_server.Objects]:
    objects = s3_server.Objects()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id-of-a-test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret-of-a-test")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    with s3_server.serving(objects) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        yield objects


@pytest.mark.slow
def test_a_bucket(
    built: Settings, tmp_path: Path, bucket: s3_server.Objects, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    place = f"s3://{s3_server.BUCKET}/home one"
    made = creating.create(built, place, KEY)
    creating.create(built, place, KEY, keep=1)
    assert len(checking.backups(built, place, KEY)) == 1
    assert all(key.startswith("home one/") for key in bucket.content)
    assert b"order_id" not in b"".join(bucket.content.values())
    new = stocked.at(tmp_path / "new")
    restoring.restore(new, place, KEY)
    assert_equal(built, new, made)
    bucket.is_open = False
    monkeypatch.setenv("SEGMENTRY_BACKUP_KEY", KEY)
    assert run(["backup", "list", place]) == 1
    assert "s3cret" not in capsys.readouterr().err


@pytest.mark.slow
def test_the_lake_s_files_may_be_on_another_disk(
    built: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stocked.content(built)
    creating.create(built, str(tmp_path / "place"), None)
    elsewhere = {"SEGMENTRY_HOME": str(tmp_path / "new"), "SEGMENTRY_LAKE_DATA": f"{tmp_path}/d/"}
    new = Settings.from_environment(elsewhere)
    restoring.restore(new, str(tmp_path / "place"), None)
    assert list((tmp_path / "d").rglob("*.parquet"))
    assert stocked.content(new) == before
    creating.create(new, str(tmp_path / "place"), None)
    shutil.rmtree(tmp_path / "d")
    shutil.rmtree(new.home)
    restoring.restore(new, str(tmp_path / "place"), None)
    assert stocked.content(new) == before
