"""Files as senders really write them: odd names, places that are no files, changes, no end."""

from __future__ import annotations

import gzip
import json
import os
import resource
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cli.main import run as cli
from segmentry.settings import ROOT, Settings
from sources import files, landing, loading, readers
from sources.readers import lines
from tests.unit.inbox_home import HEADER, ROW, home, landed, load, one_home, rows, write

__all__ = ["home", "one_home"]


@pytest.mark.parametrize(
    "name",
    ["jan*.parquet", "jan?.parquet", "jan[12].parquet", "ja{n,m}.parquet", "jän 'q'.parquet"],
)
def test_a_name_with_a_patterns_characters_is_one_file(
    home: Settings, tmp_path: Path, name: str
) -> None:
    for place, number in ((name, 1), ("jan1.parquet", 2), ("janm.parquet", 3)):
        duckdb.sql(
            f"select 'c{number}' as contact_id, 'x' as email, 'y' as updated_at"
        ).write_parquet(str(tmp_path / f"made{number}.parquet"))
        (tmp_path / f"made{number}.parquet").rename(tmp_path / place)
    (report,) = load(home, "crm_contacts", tmp_path / name)
    assert (report.status, report.records) == ("landed", 1)
    assert landed(home)[0]["contact_id"] == "c1"


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_name_that_is_no_text_is_shown_escaped(
    home: Settings, tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9\x1b[2J." + suffix.encode()
    if suffix == "csv":
        Path(os.fsdecode(path)).write_text(f"{HEADER}\n{ROW}\n")
    else:
        duckdb.sql("select 'q1' as contact_id, 'e' as email, 'u' as updated_at").write_parquet(
            str(tmp_path / "p")
        )
        (tmp_path / "p").rename(os.fsdecode(path))
    assert cli(["load", "crm_contacts", os.fsdecode(path), "-o", "json"]) == 0
    (report,) = json.loads(capsys.readouterr().out)
    assert report["file"] == f"{tmp_path}/caf\\xe9\\x1b[2J.{suffix}"
    assert (report["status"], report["records"]) == ("landed", 1)
    assert cli(["load", "crm_contacts", os.fsdecode(path)]) == 0
    assert "already loaded" in capsys.readouterr().out


def test_what_is_no_file_in_a_folder_is_reported_and_never_opened(
    home: Settings, tmp_path: Path
) -> None:
    inbox = tmp_path / "inbox"
    elsewhere = write(tmp_path / "secret.csv", f"{HEADER}\n{ROW}\n")
    good = write(inbox / "good.csv", f"{HEADER}\n{ROW}\n")
    (inbox / "link.csv").symlink_to(elsewhere)
    (inbox / "folder").symlink_to(tmp_path)
    (inbox / "nowhere.csv").symlink_to(tmp_path / "none")
    os.mkfifo(inbox / "pipe.csv")
    (inbox / "folder.csv").mkdir()
    write(inbox / "folder.csv" / "inner.csv", f"{HEADER}\n{ROW.replace('q1', 'q2')}\n")
    reports = {
        Path(r.file).relative_to(inbox).as_posix(): r for r in load(home, "crm_contacts", inbox)
    }
    assert {name: report.status for name, report in reports.items()} == {
        "good.csv": "landed",
        "folder.csv/inner.csv": "landed",
        "link.csv": "skipped",
        "folder": "skipped",
        "nowhere.csv": "skipped",
        "pipe.csv": "skipped",
    }
    assert "symbolic link" in reports["link.csv"].detail
    assert "a pipe" in reports["pipe.csv"].detail
    assert {file for (file,) in rows(home, "select distinct _file from raw.crm_contacts")} == {
        str(good),
        str(inbox / "folder.csv" / "inner.csv"),
    }
    pipe, link = load(home, "crm_contacts", inbox / "pipe.csv", inbox / "link.csv")[::-1]
    assert pipe.status == "unreadable", "named by an operator, it is a fault"
    assert link.status == "already loaded", "a link that an operator names is followed"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", f"{ROW}\n{ROW}\n", "the header lacks contact_id"),
        ("a.csv", f"{HEADER}\n{ROW},x\n{ROW},y\n", "wrong_column_count in 2"),
        ("a.csv", HEADER.replace("contact_id", "kontakt") + f"\n{ROW}\n", "contact_id"),
        (
            "a.ndjson",
            '{"e_mail": "u@example.org", "updated_at": "2026-01-01"}\n' * 3,
            "the column contact_id is missing",
        ),
        ("a.ndjson", "<html>\n<body>please log in</body>\n", "not_json in 2"),
        ("a.ndjson", "[1, 2]\n", "not_json in 1"),
        (
            "a.json",
            '[{"contact_id": " ", "updated_at": "2026-01-01"}]',
            "the column contact_id is missing",
        ),
    ],
)
def test_a_file_of_faulty_records_is_refused_with_the_reason(
    home: Settings,
    tmp_path: Path,
    name: str,
    content: str,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = write(tmp_path / name, content)
    assert cli(["load", "crm_contacts", str(path), "-o", "json"]) == 1
    (report,) = json.loads(capsys.readouterr().out)
    assert report["status"] == "refused" and message in report["detail"]
    assert "@example" not in report["detail"] and "q1" not in report["detail"]
    assert (
        rows(home, "select count(*) from raw.crm_contacts")
        == rows(home, "select count(*) from raw._loads")
        == [(0,)]
    )
    assert cli(["load", "crm_contacts", str(path), "--force"]) == 0
    assert rows(home, "select count(*) > 0 from raw.crm_contacts") == [(True,)]


def test_a_file_that_changes_while_it_is_read_is_not_landed(
    home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.csv", f"{HEADER}\n{ROW}\n")
    read_file = readers.read

    def growing(*arguments: Any) -> Any:
        yield from read_file(*arguments)
        with path.open("a") as more:
            more.write(ROW.replace("q1", "q2"))

    monkeypatch.setattr(readers, "read", growing)
    (report,) = load(home, "crm_contacts", path)
    assert report.status == "changed" and report.is_failed
    assert rows(home, "select count(*) from raw.crm_contacts") == [(0,)]
    monkeypatch.setattr(readers, "read", read_file)
    (report,) = load(home, "crm_contacts", path)
    assert (report.status, report.records) == ("landed", 2)


def test_a_file_that_vanishes_is_reported(
    home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "in" / "a.csv", f"{HEADER}\n{ROW}\n")
    removed = write(tmp_path / "in" / "b.csv", f"{HEADER}\n{ROW}x\n")
    listed = files.find

    def find(*arguments: Any, **options: Any) -> Any:
        found = listed(*arguments, **options)
        removed.unlink()
        return found

    monkeypatch.setattr(files, "find", find)
    assert [r.status for r in load(home, "crm_contacts", tmp_path / "in")] == [
        "landed",
        "unreadable",
    ]


def test_a_gzip_that_unpacks_to_a_thousand_times_its_size_ends(
    home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "MAX_GZIP_FREE_BYTES", 1 << 20)
    path = write(tmp_path / "a.ndjson.gz", gzip.compress(b" " * (64 << 20)))
    (report,) = load(home, "events", path)
    assert report.status == "unreadable" and "250 times" in report.detail


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04rest", "Excel"),
        (b"PAR1....PAR1", "Parquet"),
        (b"%PDF-1.7", "PDF"),
        (b"\x28\xb5\x2f\xfd..", "zstd"),
    ],
)
def test_other_formats_are_named(
    home: Settings, tmp_path: Path, content: bytes, message: str
) -> None:
    for name in ("a.csv", "b.ndjson", "c.json"):
        (report,) = load(
            home, "crm_contacts", write(tmp_path / message / name, content + name.encode())
        )
        assert report.status == "unreadable" and message in report.detail


def test_a_full_disk_is_one_message_and_leaves_nothing(home: Settings, tmp_path: Path) -> None:
    text = "".join(
        json.dumps({"messageId": f"f{n}", "pad": os.urandom(40).hex()}) + "\n"
        for n in range(60_000)
    )
    path = write(tmp_path / "a.ndjson", text)
    program = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, resource.RLIM_INFINITY));"
        f"from cli.main import main; main(['load', 'events', {str(path)!r}])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    assert done.returncode == 1
    assert "the disk is full" in done.stderr and "To do: free space" in done.stderr
    assert "Traceback" not in done.stderr
    assert (
        rows(home, "select count(*) from raw.events")
        == rows(home, "select count(*) from raw._loads")
        == [(0,)]
    )
    assert [r.status for r in load(home, "events", path)] == ["landed"]


def test_a_writer_that_never_ends_delays_nothing(home: Settings, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.ndjson")
    done: list[loading.FileReport] = []
    worker = threading.Thread(
        target=lambda: done.extend(load(home, "events", tmp_path / "pipe.ndjson")), daemon=True
    )
    worker.start()
    worker.join(20)
    assert not worker.is_alive() and done[0].status == "unreadable"
    assert landing.LOADS
