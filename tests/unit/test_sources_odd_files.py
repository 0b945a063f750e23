"""Files as senders really write them: odd names, odd encodings, odd headers, and places that are no
files.
"""

from __future__ import annotations

import codecs
import gzip
import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cli.main import run as cli
from segmentry import warehouse
from segmentry.settings import ROOT, Settings
from sources import files, landing, loading, readers, stages
from sources.definitions import source_named
from sources.readers import lines
from sources.readers.records import Records

CONTACT = {
    "contact_id": "q1",
    "email": "ute@example.org",
    "phone": "+4915550101",
    "updated_at": "2026-03-04T05:06:07Z",
}
HEADER = ",".join(CONTACT)
ROW = ",".join(CONTACT.values())


@pytest.fixture(scope="module")
def one_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A home for all tests here: to prepare one takes longer than what they do in it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("SEGMENTRY_")]:
            patch.delenv(name)
        patch.setenv("SEGMENTRY_HOME", str(tmp_path_factory.mktemp("odd") / "home"))
        settings = Settings.from_environment()
        stages.ensure_raw(settings)
        yield settings


@pytest.fixture
def home(one_home: Settings) -> Settings:
    with warehouse.connect(one_home) as lake:
        lake.execute("begin")
        for relation in ("raw.crm_contacts", "raw.events", landing.LOADS, landing.COLUMNS):
            lake.execute(f"delete from lake.{relation}")
        lake.execute("commit")
    return one_home


def load(
    home: Settings, source: str, *paths: Path | str, **options: bool
) -> list[loading.FileReport]:
    places_ = [os.fspath(path) for path in paths]
    return loading.load(home, source_named(home, source), places_, refuses_faulty=True, **options)


def rows(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    with warehouse.connect(settings, read_only=True) as lake:
        return lake.execute(sql).fetchall()


def landed(home: Settings, source: str = "crm_contacts") -> list[dict[str, Any]]:
    return [
        json.loads(raw)
        for (raw,) in rows(home, f"select _raw from raw.{source} order by _file, _line")
    ]


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path, format_: str, source: str = "crm_contacts") -> Records:
    whole = Records()
    for batch in readers.read(path, format_, source_named(Settings.from_environment({}), source)):
        for line, raw, problem in zip(batch.lines, batch.raws, batch.problems, strict=True):
            whole.add(line, raw, problem)
    return whole


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
    "encoding",
    ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"],
)
@pytest.mark.parametrize("format_", ["csv", "ndjson", "json"])
def test_every_unicode_encoding_is_recognized(tmp_path: Path, encoding: str, format_: str) -> None:
    person = {**CONTACT, "first_name": "Zoë Ω"}
    text = (
        f"{HEADER},first_name\n{ROW},Zoë Ω\n"
        if format_ == "csv"
        else json.dumps(person, ensure_ascii=False)
    )
    records = read(write(tmp_path / "a", text.encode(encoding)), format_)
    assert records.problems == [None]
    assert json.loads(records.raws[0]) == person


@pytest.mark.parametrize("mark", [codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE])
def test_a_mark_of_utf32_is_none_of_utf16(tmp_path: Path, mark: bytes) -> None:
    codec = "utf-32-le" if mark == codecs.BOM_UTF32_LE else "utf-32-be"
    path = write(
        tmp_path / "a.ndjson", mark + '{"messageId": "u1"}\n{"messageId": "u2"}\n'.encode(codec)
    )
    assert read(path, "ndjson", "events").raws == ['{"messageId": "u1"}', '{"messageId": "u2"}']


def test_a_nul_costs_its_line(home: Settings, tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.ndjson", b'{"messageId": "n1"}\n{"messageId": "n\0"}\n{"messageId": "n3"}\n'
    )
    (report,) = load(home, "events", path)
    assert (report.status, report.records, report.problems) == ("landed", 3, 1)
    found = rows(home, "select _line, _problem from raw.events where _problem is not null")
    assert found == [(2, "nul_character: the line has a NUL")]


def test_a_character_that_does_not_decode_costs_its_line(tmp_path: Path) -> None:
    text = "".join(f'{{"messageId": "w{n}"}}\n' for n in range(4)).encode("utf-16-le")
    half = text.replace("w2".encode("utf-16-le"), b"\x00\xd8w\x00")
    records = read(write(tmp_path / "a.ndjson", codecs.BOM_UTF16_LE + half), "ndjson", "events")
    assert [bool(problem) for problem in records.problems] == [False, False, True, False]
    cut = read(write(tmp_path / "b.ndjson", codecs.BOM_UTF16_LE + text[:-11]), "ndjson", "events")
    assert [bool(problem) for problem in cut.problems] == [False, False, False, True]


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_other_delimiters_and_line_ends_are_recognized(
    tmp_path: Path, delimiter: str, end: str
) -> None:
    text = end.join([HEADER, ROW]).replace(",", delimiter) + end
    assert [json.loads(raw) for raw in read(write(tmp_path / "a.csv", text), "csv").raws] == [
        CONTACT
    ]
    excel = read(write(tmp_path / "b.csv", f"sep={delimiter}{end}{text}"), "csv")
    assert [json.loads(raw) for raw in excel.raws] == [CONTACT]


def test_empty_cells_at_the_end_of_header_and_rows_are_none(tmp_path: Path) -> None:
    second, third, fourth = (ROW.replace("q1", name) for name in ("q2", "q3", "q4"))
    text = f"{HEADER},,\n{ROW},,\n{second}\n{third},x,\n{fourth},,,\n"
    records = read(write(tmp_path / "a.csv", text), "csv")
    assert [bool(problem) for problem in records.problems] == [False, False, True, True]
    assert json.loads(records.raws[0]) == CONTACT
    shifted = read(write(tmp_path / "b.csv", f"{HEADER}\n{ROW},\n"), "csv")
    assert shifted.problems != [None], (
        "an unquoted comma in a value looks the same: it must not shift a record"
    )


def test_a_header_repeated_among_the_rows_is_no_person(tmp_path: Path) -> None:
    part = f"{HEADER}\n{ROW}\n".encode("utf-8-sig")
    records = read(write(tmp_path / "a.csv", part + part), "csv")
    assert [problem and problem.partition(":")[0] for problem in records.problems] == [
        None,
        "repeated_header",
        None,
    ]


SPELLINGS = ["PHONE", " Phone ", "\ufeffphone", "p-h_o n e", "\u00a0Phone"]


@pytest.mark.parametrize("name", SPELLINGS)
@pytest.mark.parametrize("format_", ["csv", "ndjson", "parquet", "json"])
def test_a_column_is_known_by_its_name_in_any_spelling(
    home: Settings, tmp_path: Path, name: str, format_: str
) -> None:
    person = {("phone" if key == "phone" else key): value for key, value in CONTACT.items()}
    spelled = {(name if key == "phone" else key): value for key, value in person.items()}
    path = tmp_path / f"a.{format_}"
    if format_ == "csv":
        write(path, f"{','.join(spelled)}\n{','.join(spelled.values())}\n")
    elif format_ == "parquet":
        columns = ", ".join(f"'{value}' as \"{key}\"" for key, value in spelled.items())
        duckdb.sql(f"select {columns}").write_parquet(str(path))
    else:
        write(path, json.dumps(spelled) + "\n")
    (report,) = load(home, "crm_contacts", path)
    assert (report.records, report.problems, report.unread_columns) == (1, 0, ())
    assert landed(home) == [person]
    (written,) = rows(home, "select written, read_as from observability.landed_columns")
    assert (
        written[1] == "phone" and written[0].strip("\ufeff").strip() == name.strip("\ufeff").strip()
    )


def test_two_names_for_one_column_are_not_guessed(home: Settings, tmp_path: Path) -> None:
    exact = write(tmp_path / "a.csv", f"{HEADER},Phone\n{ROW},+100\n")
    (report,) = load(home, "crm_contacts", exact)
    assert report.unread_columns == ("Phone",)
    assert landed(home)[0] == {**CONTACT, "Phone": "+100"}
    both = write(tmp_path / "b.csv", f"{HEADER.replace('phone', 'PHONE')},Phone\n{ROW},+100\n")
    (report,) = load(home, "crm_contacts", both)
    assert report.unread_columns == ("PHONE", "Phone")


def test_a_renamed_record_keeps_its_values_digit_by_digit(tmp_path: Path) -> None:
    text = (
        '{ "Contact_ID" : 12345678901234567890123 , "email":"a\\u00e9\\"b", "Household Size": 1.10,'
        ' "updated_at": null}'
    )
    records = read(write(tmp_path / "a.ndjson", text), "ndjson")
    assert records.raws == [
        '{"contact_id": 12345678901234567890123, "email": "a\\u00e9\\"b", "household_size": 1.10,'
        ' "updated_at": null}'
    ]
    document = read(write(tmp_path / "a.json", "[" + text + "]"), "json")
    assert "12345678901234567890123" in document.raws[0]


def test_unread_and_absent_columns_are_named_with_what_comes_near(
    home: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "a.csv", f"{HEADER.replace('phone', 'fone')},Shoe Size\n{ROW},42\n")
    assert cli(["load", "crm_contacts", str(path), "-o", "json"]) == 0
    (report,) = json.loads(capsys.readouterr().out)
    assert report["unread_columns"] == ["fone", "Shoe Size"]
    assert "phone" in report["absent_columns"] and "email" not in report["absent_columns"]
    assert "fone: did you mean phone?" in report["detail"]
    found = rows(
        home, "select written, read_as, records from observability.landed_columns order by 1"
    )
    assert found == [("Shoe Size", None, 1), ("fone", None, 1)]


def test_a_column_that_may_be_an_opt_out_is_named(home: Settings, tmp_path: Path) -> None:
    flags = [
        "HasOptedOutOfEmail",
        "hs_email_optout",
        "Do Not Call",
        "unsubscribed_at",
        "no_sms",
        "DNC",
    ]
    others = ["optician", "notes", "number_of_calls", "nominal", "adopted"]
    header = ",".join([HEADER, *flags, *others])
    row = ",".join([ROW, *("1" for _ in [*flags, *others])])
    (report,) = load(home, "crm_contacts", write(tmp_path / "a.csv", f"{header}\n{row}\n"))
    named = [name for name in [*flags, *others] if f"{name} may be an opt-out" in report.detail]
    assert named == flags


@pytest.mark.parametrize("format_", ["csv", "ndjson"])
def test_swapped_addresses_and_numbers_are_counted(
    home: Settings, tmp_path: Path, format_: str
) -> None:
    people = [
        {
            **CONTACT,
            "contact_id": f"s{n}",
            "email": f"+49 155 50{n:03}",
            "phone": f"s{n}@example.org",
        }
        for n in range(7)
    ]
    text = "\n".join(
        [HEADER, *(",".join(person.values()) for person in people)]
        if format_ == "csv"
        else [json.dumps(person) for person in people]
    )
    (report,) = load(home, "crm_contacts", write(tmp_path / f"a.{format_}", text))
    assert "7 of 7 values of phone look like e-mail addresses" in report.detail
    assert "7 of 7 values of email look like phone numbers" in report.detail


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


def test_a_document_of_lines_is_read_as_lines(tmp_path: Path) -> None:
    records = read(
        write(tmp_path / "a.json", json.dumps(CONTACT) + "\n" + json.dumps(CONTACT) + "\n"), "json"
    )
    assert records.problems == [None, None]


@pytest.mark.parametrize("depth", [900, 5_000, 200_000])
def test_nesting_beyond_reason_is_reported(home: Settings, tmp_path: Path, depth: int) -> None:
    deep = "[" * depth + "]" * depth
    for name, text in (("a.json", deep), ("b.ndjson", f'{{"Contact_id": "d1", "x": {deep}}}')):
        (report,) = load(home, "crm_contacts", write(tmp_path / name, text))
        assert report.status in {"unreadable", "refused", "empty", "landed"}
        assert report.detail or report.status == "landed"


def test_columns_of_every_flat_source_are_read_from_its_model() -> None:
    home = Settings.from_environment({})
    for name in ("consents", "crm_contacts", "email_events", "online_retail", "orders", "products",
    "subscriptions",
                 "support_tickets", "surveys"):  # fmt: skip
        source = source_named(home, name)
        assert len(source.known.names) > 5, name
        assert set(source.columns) <= set(source.known.names), name
        assert source.known.required, name
    assert "InvoiceNo" in source_named(home, "online_retail").known.names


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


def test_a_column_that_a_file_must_have_may_be_empty_in_its_records(home: Settings) -> None:
    path = home.home / "contacts.csv"
    path.write_text("contact_id,email,updated_at\nK-771,,2026-05-02T08:00:00Z\n", encoding="utf-8")
    (report,) = load(home, "crm_contacts", path)
    assert (report.status, report.records) == ("landed", 1)
