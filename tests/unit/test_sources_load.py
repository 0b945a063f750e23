"""Landing: once and only once, all or nothing, and never silently less."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cli.main import run as cli
from segmentry import warehouse
from segmentry.errors import UsageError
from segmentry.settings import ROOT, Settings
from segmentry.stages import RunContext
from sources import landing, loading, stages
from sources.definitions import source_named
from sources.readers.records import Records


def rows(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    with warehouse.connect(settings, read_only=True) as lake:
        return lake.execute(sql).fetchall()


def events(path: Path, numbers: range) -> Path:
    path.write_bytes(
        gzip.compress(b"".join(b'{"messageId":"m%d"}\n' % number for number in numbers), mtime=0)
    )
    return path


def load(home: Settings, source: str, *paths: Path) -> list[loading.FileReport]:
    stages.ensure_raw(home)
    return loading.load(home, source_named(home, source), [str(path) for path in paths])


def test_every_configured_source_has_a_raw_table_before_anything_is_loaded(home: Settings) -> None:
    stages.ensure_raw(home)
    stages.ensure_raw(home)
    tables = {
        row[0]
        for row in rows(
            home, "select table_name from information_schema.tables where table_schema='raw'"
        )
    }
    assert tables == {*(path.stem for path in (home.config / "sources").glob("*.yml")), "_loads"}


def test_records_in_raw_are_as_in_the_file(home: Settings, tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_text('{"messageId": "m1"}\nbroken\n', encoding="utf-8")
    (report,) = load(home, "events", path)
    assert (report.status, report.records) == ("landed", 2)
    found = rows(
        home, "select _source, _file, _line, _raw, _problem from raw.events order by _line"
    )
    assert found == [
        ("events", str(path), 1, '{"messageId": "m1"}', None),
        ("events", str(path), 2, "broken", None),
    ]
    assert rows(home, "select records, bytes from raw._loads") == [(2, path.stat().st_size)]
    assert rows(
        home, "select count(distinct _batch_id), count(distinct _loaded_at) from raw.events"
    ) == [(1, 1)]


def test_the_same_content_adds_nothing_under_any_name(home: Settings, tmp_path: Path) -> None:
    first = events(tmp_path / "a.ndjson.gz", range(5))
    again = events(tmp_path / "b.ndjson.gz", range(5))
    assert [r.status for r in load(home, "events", first)] == ["landed"]
    os.utime(first, (1, 1))
    assert [r.status for r in load(home, "events", first, again)] == [
        "already loaded",
        "already loaded",
    ]
    assert rows(home, "select count(*) from raw.events") == [(5,)]


def test_batches_are_named_by_their_content(home: Settings, tmp_path: Path) -> None:
    content = landing.Input("events", "here", "abc").batch_id
    assert content == landing.Input("events", "there", "abc").batch_id
    assert content != landing.Input("orders", "here", "abc").batch_id


def test_the_job_loads_what_is_new_in_the_inbox_and_nothing_twice(home: Settings) -> None:
    context = RunContext(home)
    assert stages.load_items(context) == []
    inbox = home.home / "inbox" / "events"
    inbox.mkdir(parents=True)
    events(inbox / "a.ndjson.gz", range(3))
    assert stages.load_items(context) == ["events"]
    assert stages.load(context, "events").rows == {"raw.events": 3}
    assert stages.load_items(context) == []
    events(inbox / "b.ndjson.gz", range(3, 7))
    assert stages.load(context, "events").rows == {"raw.events": 4}


def test_a_broken_file_stops_no_other_and_is_reported(home: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "a.ndjson").write_bytes(random.Random(5).randbytes(5000) + b"\0")
    whole = events(folder / "b.ndjson.gz", range(9))
    (folder / "c.ndjson.gz").write_bytes(gzip.compress(os.urandom(50_000).hex().encode())[:20_000])
    (folder / "d.ndjson").touch()
    reports = load(home, "events", folder, tmp_path / "nowhere.ndjson")
    assert [(r.status, r.is_failed) for r in reports] == [
        ("unreadable", True),
        ("landed", False),
        ("unreadable", True),
        ("empty", False),
        ("missing", True),
    ]
    assert all(r.detail for r in reports if r.status != "landed")
    assert rows(home, f"select count(*) from raw.events where _file = '{whole}'") == [(9,)]
    lost = rows(
        home,
        "select _line, _problem from raw.events where _problem like 'unreadable_file%' order by"
        " _file",
    )
    assert [line for line, _ in lost] == [0, 0]


def test_bytes_at_random_are_no_text(home: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for seed in range(60):
        (folder / f"{seed:02}.ndjson").write_bytes(random.Random(seed).randbytes(1000 + 100 * seed))
    reports = load(home, "events", folder)
    assert [report.status for report in reports] == ["unreadable"] * 60


def test_a_record_beyond_all_measure_lands_whole_in_pieces(home: Settings, tmp_path: Path) -> None:
    path = tmp_path / "long.ndjson"
    text = "".join(chr(97 + n % 26) * 1000 for n in range(10_000))
    path.write_text("{}\n" + text + "\n{}\n", encoding="utf-8")
    (report,) = load(home, "events", path)
    assert (report.records, report.problems) == (12, 10)
    pieces = rows(
        home,
        "select _raw, _problem from raw.events where _line = 2 order by length(_raw) desc,"
        " _problem",
    )
    whole = sorted(pieces, key=lambda piece: int(piece[1].split()[2]))
    assert "".join(raw for raw, _ in whole) == text


def test_command_prints_what_came_of_each_file(
    home: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = events(tmp_path / "a.ndjson.gz", range(4))
    assert cli(["load", "events", str(path), "--output", "json"]) == 0
    (report,) = json.loads(capsys.readouterr().out)
    assert (report["file"], report["status"], report["records"], report["problems"]) == (
        str(path),
        "landed",
        4,
        0,
    )
    assert cli(["load", "events", str(path), str(tmp_path / "none.csv"), "--output", "json"]) == 1
    assert [r["status"] for r in json.loads(capsys.readouterr().out)] == [
        "already loaded",
        "missing",
    ]


def test_command_lands_each_folder_that_bears_a_sources_name(
    home: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("events", "truth", "consents"):
        (tmp_path / folder).mkdir()
    events(tmp_path / "events" / "a.ndjson.gz", range(2))
    (tmp_path / "consents" / "c.csv").write_text("no,header\n", encoding="utf-8")
    assert cli(["load", "--from", str(tmp_path), "-o", "json"]) == 1
    reports = json.loads(capsys.readouterr().out)
    assert {(r["source"], r["status"], r["records"]) for r in reports} == {
        ("events", "landed", 2),
        ("consents", "refused", 0),
    }
    assert cli(["load", "--from", str(tmp_path), "--force", "-o", "json"]) == 0
    reports = json.loads(capsys.readouterr().out)
    assert {(r["source"], r["records"], r["problems"]) for r in reports} == {
        ("events", 0, 0),
        ("consents", 1, 1),
    }


@pytest.mark.parametrize(
    "arguments", [[], ["no_such_source"], ["events", "--from", "."], ["--from", "nowhere"]]
)
def test_the_message_of_wrong_use_names_what_is_allowed(
    home: Settings, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli(["load", *arguments]) == 2
    assert "llowed" in capsys.readouterr().err


def test_unknown_source_is_named(home: Settings) -> None:
    with pytest.raises(UsageError, match="no source 'eventz'"):
        source_named(home, "eventz")


def test_a_load_that_fails_half_way_leaves_nothing(home: Settings) -> None:
    def breaking() -> Any:
        yield Records([1], ["{}"], [None])
        raise RuntimeError("the disk was removed")

    stages.ensure_raw(home)
    with warehouse.connect(home) as lake, pytest.raises(RuntimeError, match="the disk was removed"):
        landing.land(lake, landing.Input("events", "f", "abc"), breaking())
    assert rows(home, "select count(*) from raw.events") == [(0,)]
    assert rows(home, "select count(*) from raw._loads") == [(0,)]


@pytest.mark.slow
def test_a_load_that_is_killed_and_repeated_lands_everything_once(
    home: Settings, tmp_path: Path
) -> None:
    path = events(tmp_path / "big.ndjson.gz", range(1_000_000))
    command = [
        sys.executable,
        "-c",
        "from cli.main import main; main()",
        "load",
        "events",
        str(path),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    stages.ensure_raw(home)
    found = set()
    for wait in (1.5, 3.0):
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(wait)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        found.add(
            (
                rows(home, "select count(*) from raw.events")[0][0],
                rows(home, "select count(*) from raw._loads")[0][0],
            )
        )
    print("records and loads after each kill:", found)
    assert found <= {(0, 0), (1_000_000, 1)}
    load(home, "events", path)
    assert rows(
        home, "select count(*), count(distinct _raw), count(distinct _line) from raw.events"
    ) == [(1_000_000, 1_000_000, 1_000_000)]
    assert rows(home, "select records from raw._loads") == [(1_000_000,)]
