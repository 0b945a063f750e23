"""A backup is whole, consistent while others write, stores nothing twice, and shows its damage."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.main import run
from privacy import erasure
from privacy.subjects import Subject
from runtime.backup import checking, creating, databases, manifest, restoring
from segmentry import warehouse
from segmentry.errors import ConfigError, SegmentryError, UsageError
from segmentry.files_lock import FilesAreInUse, files_kept
from segmentry.settings import ROOT, Settings
from tests.backup import stocked

KEY = "a key of a test, long enough"


def objects(place: Path) -> list[Path]:
    return sorted(path for path in (place / "objects").rglob("*") if path.is_file())


def test_it_has_every_file_of_the_home_and_no_other(built: Settings, tmp_path: Path) -> None:
    made = creating.create(built, str(tmp_path / "place"), KEY)
    paths = {one.path for one in made.files if not one.path.startswith("lake/data/")}
    assert paths == {
        "lake/catalog.sqlite", "ledger.sqlite", "mlflow/mlflow.db", "airflow/airflow.db",
        *stocked.FILES,
    }  # fmt: skip
    lake = {one.path for one in made.files} - paths
    on_disk = {path.name for path in Path(built.lake_data).rglob("*.parquet")}
    assert lake
    assert {Path(path).name for path in lake} <= on_disk
    assert made.has_secrets


def test_what_is_there_is_not_stored_again(built: Settings, tmp_path: Path) -> None:
    place = tmp_path / "place"
    first = creating.create(built, str(place), None)
    before = objects(place)
    assert first.added_bytes > 0
    again = creating.create(built, str(place), None)
    # The home now has the list of its places.
    assert again.added_bytes == len((built.home / "backups" / "places.json").read_bytes())
    stocked.write(built, "inbox/orders/later.csv", b"order_id\n")
    with warehouse.connect(built) as lake:
        lake.execute("insert into raw.orders select range, 'r' from range(500, 600)")
    third = creating.create(built, str(place), None)
    assert set(before) < set(objects(place))
    new = {one.path for one in third.files} - {one.path for one in again.files}
    assert "inbox/orders/later.csv" in new
    assert len(new) == 2, "one file of the inbox, and one of the lake"
    assert third.added_bytes < first.added_bytes


@pytest.mark.slow
def test_of_a_large_database_the_pages_that_changed_are_stored(
    built: Settings, tmp_path: Path
) -> None:
    file = built.home / "airflow" / "airflow.db"
    stocked.database(file, [
        "create table large (id integer primary key, text text)",
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 12000)"
        " insert into large select i, hex(randomblob(900)) from n",
    ])  # fmt: skip
    creating.create(built, str(tmp_path / "place"), None)
    stocked.database(file, ["update large set text = 'x' where id = 12000"])
    made = creating.create(built, str(tmp_path / "place"), None)
    assert file.stat().st_size > 20_000_000
    assert made.added_bytes < file.stat().st_size / 2


def test_old_backups_are_removed_with_what_they_alone_need(built: Settings, tmp_path: Path) -> None:
    place = tmp_path / "place"
    for number in range(4):
        stocked.write(built, "logs/runs/one.log", f"line {number}\n".encode())
        creating.create(built, str(place), None, keep=2)
    rows = checking.backups(built, str(place), None)
    assert len(rows) == 2
    stored = {path.read_bytes() for path in objects(place)}
    assert [f"line {n}\n".encode() in stored for n in range(4)] == [False, False, True, True]
    assert {one.described()["verdict"] for one in checking.verify(built, str(place), None)} == {
        "sound"
    }


@pytest.mark.parametrize("key", [None, KEY])
def test_damage_is_found_and_its_files_are_named(
    built: Settings, tmp_path: Path, key: str | None
) -> None:
    place = tmp_path / "place"
    made = creating.create(built, str(place), key)
    (log,) = (one for one in made.files if one.path == "logs/runs/one.log")
    (crm,) = (one for one in made.files if one.path == "inbox/orders/orders.csv")
    path = place / manifest.object_path(log.objects[0])
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    (place / manifest.object_path(crm.objects[0])).unlink()
    (found,) = checking.verify(built, str(place), key)
    assert sorted(found.damaged) == ["inbox/orders/orders.csv", "logs/runs/one.log"]
    with pytest.raises(SegmentryError, match="is damaged"):
        restoring.restore(stocked.at(tmp_path / "new"), str(place), key)
    file = place / "backups" / f"{made.name}.json"
    file.write_bytes(file.read_bytes().replace(b'"size"', b'"sise"') + b" ")
    (found,) = checking.verify(built, str(place), key)
    assert "manifest" in found.fault
    creating.create(built, str(place), key)
    assert [one.fault == "" for one in checking.verify(built, str(place), key)] == [False, True]


def test_an_encrypted_place_shows_nothing_and_needs_its_key(
    built: Settings, tmp_path: Path
) -> None:
    place = tmp_path / "place"
    creating.create(built, str(place), KEY)
    stored = b"".join(path.read_bytes() for path in place.rglob("*") if path.is_file())
    for word in (b"ann@example.com", b"order_id", b"SQLite format", b"PAR1", b"only here", b"raw"):
        assert word not in stored
    digests = {path.name for path in objects(place)}
    creating.create(built, str(tmp_path / "plain"), None)
    assert not digests & {path.name for path in objects(tmp_path / "plain")}
    for key, error in ((None, ConfigError), ("another key of a test", ConfigError)):
        with pytest.raises(error) as caught:
            checking.backups(built, str(place), key)
        assert KEY not in str(caught.value)
    with pytest.raises(UsageError, match="not encrypted"):
        creating.create(built, str(tmp_path / "plain"), KEY)


def test_without_a_key_there_are_no_secrets_in_it(built: Settings, tmp_path: Path) -> None:
    place = tmp_path / "place"
    made = creating.create(built, str(place), None)
    stored = b"".join(path.read_bytes() for path in objects(place))
    assert b"only here" not in stored
    assert stocked.FILES["secrets/tombstones.key"] not in stored
    assert {"secrets/", "airflow/keys.json"} <= set(made.left_out)
    assert all(path.stat().st_mode & 0o077 == 0 for path in place.rglob("*"))


_WRITER = """
import sys, time
from segmentry import warehouse
from segmentry.settings import Settings
home = Settings.from_environment()
print("ready", flush=True)
for number in range(100_000):
    with warehouse.connect(home) as lake:
        lake.execute("begin")
        lake.execute("insert into marts.left_side values (?)", [number])
        lake.execute("insert into marts.right_side values (?)", [number])
        if number % 5 == 0:
            lake.execute("delete from marts.left_side where id < ?", [number - 20])
            lake.execute("delete from marts.right_side where id < ?", [number - 20])
        lake.execute("commit")
"""


@pytest.mark.slow
def test_it_is_consistent_while_a_job_writes(built: Settings, tmp_path: Path) -> None:
    with warehouse.connect(built) as lake:
        for side in ("left_side", "right_side"):
            lake.execute(f"create table marts.{side} (id bigint)")
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER], stdout=subprocess.PIPE, cwd=ROOT, text=True
    )
    assert writer.stdout is not None
    try:
        assert writer.stdout.readline() == "ready\n"
        time.sleep(0.5)
        made = [creating.create(built, str(tmp_path / "place"), None)]
        while len({one.lake["snapshot"] for one in made}) < 3 and len(made) < 20:
            made.append(creating.create(built, str(tmp_path / "place"), None))
    finally:
        writer.kill()
        writer.wait()
    newest = {one.lake["snapshot"]: one for one in made}
    assert len(newest) == 3, "it wrote meanwhile"
    for number, one in enumerate(newest.values()):
        new = stocked.at(tmp_path / f"new{number}")
        restoring.restore(new, str(tmp_path / "place"), None, one.name)
        found = stocked.content(new)
        assert found["marts.left_side"] == found["marts.right_side"]
    assert found["marts.left_side"][0] > 0


def test_no_file_is_removed_while_it_runs(built: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with files_kept(built, "a backup"):
        with pytest.raises(FilesAreInUse, match="a backup is at work"):
            erasure.forget(built, Subject(), ["email:x@example.com"])
        with pytest.raises(FilesAreInUse):
            creating.create(built, str(built.home.parent / "place"), None)


def test_killed_at_any_object_the_next_one_goes_on(
    built: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = str(tmp_path / "place")
    store = creating._store
    for limit in (0, 3, 9):
        count = 0

        def killed(work: creating._BackupWork, chunk: bytes, limit: int = limit) -> str:
            nonlocal count
            count += 1
            if count > limit:
                raise KeyboardInterrupt
            return store(work, chunk)

        monkeypatch.setattr(creating, "_store", killed)
        with pytest.raises(KeyboardInterrupt):
            creating.create(built, place, None)
        assert checking.backups(built, place, None) == []
    monkeypatch.setattr(creating, "_store", store)
    creating.create(built, place, None)
    assert checking.verify(built, place, None)[0].damaged == []


def test_a_damaged_lake_makes_no_backup(built: Settings, tmp_path: Path) -> None:
    file = max(Path(built.lake_data).rglob("*.parquet"))
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(SegmentryError, match="is damaged"):
        creating.create(built, str(tmp_path / "place"), None)
    file.unlink()
    with pytest.raises(SegmentryError, match="it is missing"):
        creating.create(built, str(tmp_path / "place"), None)
    assert checking.backups(built, str(tmp_path / "place"), None) == []


def test_a_damaged_database_makes_no_backup(built: Settings, tmp_path: Path) -> None:
    file = built.home / "airflow" / "airflow.db"
    file.write_bytes(file.read_bytes()[:4096] + b"\x07" * 4096)
    with pytest.raises(SegmentryError, match=r"damaged|could not be copied"):
        creating.create(built, str(tmp_path / "place"), None)


def test_another_home_needs_another_place(
    built: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    creating.create(built, str(tmp_path / "place"), None)
    other = stocked.at(tmp_path / "other")
    warehouse.prepare(other)
    with pytest.raises(UsageError, match="another lake"):
        creating.create(other, str(tmp_path / "place"), None)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["create", "{home}/in"], "is in the home"),
        (["create", "ftp://x/y"], "is no place for backups"),
        (["create", "s3://"], "is no place for backups"),
        (["create", "{tmp}/p", "--keep", "0"], "--keep is 0"),
        (["create", "{tmp}/p", "--key-file", "{tmp}/none"], "cannot be read"),
        (["list", "{tmp}/none"], "there is no backup at"),
        (["verify", "{tmp}/none"], "there is no backup at"),
        (["release"], "has no reason"),
    ],
)
def test_wrong_words_end_with_2(
    home: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], text: str
) -> None:
    filled = [word.format(home=home.home, tmp=tmp_path) for word in words]
    assert run(["backup", *filled]) == 2
    assert text in capsys.readouterr().err


def test_servers_are_refused_with_what_to_do(
    home: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEGMENTRY_LEDGER_URL", "postgresql+psycopg2://u@localhost/ledger")
    assert run(["backup", "create", str(home.home.parent / "place")]) == 2
    assert "pg_dump" in capsys.readouterr().err


def test_copies_are_made_by_a_program_of_its_own(built: Settings, tmp_path: Path) -> None:
    with warehouse.connect(built) as lake:
        lake.execute("create table raw.open_meanwhile (id integer)")
        databases.copy(warehouse.catalog_file(built), tmp_path / "copy.sqlite")
        lake.execute("insert into raw.open_meanwhile values (1)")
    assert databases.contents_of_catalog(tmp_path / "copy.sqlite")["snapshot"] > 0
