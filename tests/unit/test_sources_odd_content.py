"""Files as senders really write them: encodings, delimiters, headers, columns and nesting."""

from __future__ import annotations

import codecs
import json
from pathlib import Path

import duckdb
import pytest

from cli.main import run as cli
from segmentry.settings import Settings
from sources.definitions import source_named
from tests.unit.inbox_home import (
    CONTACT,
    HEADER,
    ROW,
    home,
    landed,
    load,
    one_home,
    read,
    rows,
    write,
)

__all__ = ["home", "one_home"]


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


def test_a_column_that_a_file_must_have_may_be_empty_in_its_records(home: Settings) -> None:
    path = home.home / "contacts.csv"
    path.write_text("contact_id,email,updated_at\nK-771,,2026-05-02T08:00:00Z\n", encoding="utf-8")
    (report,) = load(home, "crm_contacts", path)
    assert (report.status, report.records) == ("landed", 1)
