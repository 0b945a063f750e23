"""Readers return every record, whole and numbered, and name why one cannot be read."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import duckdb
import pytest

from sources import files, readers
from sources.definitions import Source
from sources.readers import lines
from sources.readers.records import Records

PEOPLE = Source("people", columns=("id", "name"))
EVENTS = Source("events", unwrap=("body", "batch"), hand_down=("sentAt", "context"))


def read(path: Path, format_: str = "ndjson", source: Source = PEOPLE) -> Records:
    whole = Records()
    for batch in readers.read(path, format_, source):
        for line, raw, problem in zip(batch.lines, batch.raws, batch.problems, strict=True):
            whole.add(line, raw, problem)
    return whole


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def codes(records: Records) -> list[str | None]:
    return [problem and problem.partition(":")[0] for problem in records.problems]


def test_lines_are_verbatim_and_numbered_as_in_the_file(tmp_path: Path) -> None:
    records = read(write(tmp_path / "a.ndjson", b'{"a": 1}\r\n\n  \n{"b":  2 }\nnot json'))
    assert records.lines == [1, 4, 5]
    assert records.raws == ['{"a": 1}', '{"b":  2 }', "not json"]
    assert records.problems == [None, None, None]


def test_gzip_is_known_by_its_content_not_its_name(tmp_path: Path) -> None:
    assert read(write(tmp_path / "plain_name.ndjson", gzip.compress(b'{"a":1}\n'))).raws == [
        '{"a":1}'
    ]
    assert read(write(tmp_path / "wrong_name.ndjson.gz", b'{"a":1}\n')).raws == ['{"a":1}']


def test_truncated_gzip_gives_what_was_read_and_a_record_of_the_break(tmp_path: Path) -> None:
    text = b"".join(
        b'{"n":%d,"pad":"%s"}\n' % (n, bytes(f"{n * 7919:x}", "ascii")) for n in range(600_000)
    )
    whole = gzip.compress(text)
    records = read(write(tmp_path / "cut.ndjson.gz", whole[: len(whole) // 2]))
    assert records.lines[-1] == 0
    assert codes(records)[-1] == "unreadable_file"
    assert len(records.lines) > 1
    assert json.loads(records.raws[0])["n"] == 0


def test_truncated_gzip_of_a_few_lines_gives_those_that_are_whole(tmp_path: Path) -> None:
    text = b"".join(
        b'{"n":%d,"pad":"%s"}\n' % (n, os.urandom(50).hex().encode()) for n in range(100)
    )
    whole = gzip.compress(text)
    records = read(write(tmp_path / "cut.ndjson.gz", whole[: len(whole) // 2]))
    assert codes(records)[-2:] == ["cut_off", "unreadable_file"]
    good = [
        json.loads(raw)["n"]
        for raw, problem in zip(records.raws, records.problems, strict=True)
        if not problem
    ]
    assert good == list(range(len(good)))
    assert len(good) > 40


def test_damaged_gzip_is_reported(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress(b'{"a":1}\n' * 1000))
    whole[20:40] = b"\xff" * 20
    assert codes(read(write(tmp_path / "bad.ndjson.gz", bytes(whole))))[-1] == "unreadable_file"


@pytest.mark.parametrize("name", ["a.ndjson", "a.csv"])
def test_binary_file_is_one_record_with_the_reason(tmp_path: Path, name: str) -> None:
    records = read(write(tmp_path / name, bytes(range(256)) * 50), name.partition(".")[2])
    assert (records.lines, records.problems) == (
        [0],
        ["unreadable_file: it is a binary file, not text"],
    )


@pytest.mark.parametrize("format_", ["ndjson", "csv", "json"])
def test_empty_file_has_no_record_and_no_problem(tmp_path: Path, format_: str) -> None:
    assert read(write(tmp_path / "empty", b""), format_).lines == []


def test_line_that_is_not_utf8_is_kept_with_its_problem(tmp_path: Path) -> None:
    records = read(
        write(tmp_path / "mixed.ndjson", '{"a":"é"}\n'.encode() + '{"a":"é"}\n'.encode("latin-1"))
    )
    assert records.raws == ['{"a":"é"}', '{"a":"é"}']
    assert codes(records) == [None, "invalid_encoding"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks_are_understood(tmp_path: Path, encoding: str) -> None:
    records = read(write(tmp_path / "a.csv", "id,name\n1,é\n".encode(encoding)), "csv")
    assert [json.loads(raw) for raw in records.raws] == [{"id": "1", "name": "é"}]


def test_configured_encoding_is_used(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "id,name\n1,é\n".encode("latin-1"))
    records = read(path, "csv", Source("people", encoding="latin-1"))
    assert json.loads(records.raws[0])["name"] == "é"
    assert codes(read(path, "csv", Source("people", encoding="no-such"))) == ["unreadable_file"]


def test_ten_megabyte_line_is_one_record(tmp_path: Path) -> None:
    long = b'{"a":"' + b"x" * 10_000_000 + b'"}'
    records = read(write(tmp_path / "long.ndjson", b'{"b":1}\n' + long + b"\n" + b'{"c":1}\n'))
    assert [len(raw) for raw in records.raws] == [7, len(long), 7]
    assert records.lines == [1, 2, 3]


def test_line_beyond_all_measure_lands_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 1000)
    monkeypatch.setattr(lines, "BLOCK_BYTES", 512)
    records = read(write(tmp_path / "long.ndjson", b"x" * 5000 + b"\n" + b'{"b":1}\n'))
    assert "".join(records.raws) == "x" * 5000 + '{"b":1}'
    assert codes(records)[0] == "line_too_long"


def test_csv_rows_are_objects_of_the_text_as_written(tmp_path: Path) -> None:
    records = read(
        write(tmp_path / "a.csv", b'id,name\n007," Ann, ""B"""\n8,"two\nlines"\n9,\n'), "csv"
    )
    assert [json.loads(raw) for raw in records.raws] == [
        {"id": "007", "name": ' Ann, "B"'},
        {"id": "8", "name": "two\nlines"},
        {"id": "9", "name": ""},
    ]
    assert records.lines == [2, 3, 5]


def test_shifted_rows_keep_their_text_and_their_number_of_cells(tmp_path: Path) -> None:
    records = read(write(tmp_path / "a.csv", b"id,name\n1,a,b\n2\n3,c\n"), "csv")
    assert records.raws[:2] == ["1,a,b", "2"]
    assert records.problems == [
        "wrong_column_count: 3 cells under 2 columns",
        "wrong_column_count: 1 cells under 2 columns",
        None,
    ]


def test_csv_without_its_header_loses_no_line(tmp_path: Path) -> None:
    records = read(write(tmp_path / "a.csv", b"1,Ann\n2,Bob\n"), "csv")
    assert records.raws == ["1,Ann", "2,Bob"]
    assert codes(records) == ["missing_columns", "missing_columns"]


def test_quote_that_never_closes_swallows_nothing(tmp_path: Path) -> None:
    rows = "".join(f"{n},name {n}\n" for n in range(2000))
    records = read(write(tmp_path / "a.csv", f'id,name\n1,"open\n{rows}'.encode()), "csv")
    assert records.lines[0] == 2
    assert codes(records)[0] == "unclosed_quote"
    assert len(records.lines) == 2001
    good = [
        json.loads(raw)
        for raw, problem in zip(records.raws, records.problems, strict=True)
        if problem is None
    ]
    assert good[-1] == {"id": "1999", "name": "name 1999"}


def test_inch_marks_are_text(tmp_path: Path) -> None:
    records = read(write(tmp_path / "a.csv", b'id,name\n1,5" pipe\n2,6" pipe\n'), "csv")
    assert [json.loads(raw)["name"] for raw in records.raws] == ['5" pipe', '6" pipe']


def test_documents_are_unwrapped_to_their_records(tmp_path: Path) -> None:
    batch = {
        "method": "POST",
        "body": {"batch": [{"messageId": "1"}, {"messageId": "2"}], "sentAt": "t"},
    }
    one = {"method": "POST", "body": {"messageId": "3"}}
    none = {"method": "GET", "body": None}
    records = read(
        write(tmp_path / "a.json", json.dumps([batch, one, none]).encode()), "json", EVENTS
    )
    assert [json.loads(raw).get("messageId") for raw in records.raws] == ["1", "2", "3", None]
    assert codes(records) == [None, None, None, "empty_envelope"]


def test_the_fields_of_an_envelope_apply_to_each_of_its_records(tmp_path: Path) -> None:
    refused = {"consent": {"categoryPreferences": {"ads": False, "mail": True}}, "ip": "192.0.2.1"}
    own = {
        "context": {"consent": {"categoryPreferences": {"ads": True}}, "locale": "de"},
        "sentAt": None,
    }
    batch = {
        "batch": [{"messageId": "1"}, {"messageId": "2", **own}],
        "sentAt": "t",
        "context": refused,
    }
    outer = {"body": batch, "sentAt": "later", "writeKey": "secret"}
    records = read(
        write(tmp_path / "a.json", json.dumps([outer, {"messageId": "3"}]).encode()), "json", EVENTS
    )
    first, second, third = (json.loads(raw) for raw in records.raws)
    assert first == {"messageId": "1", "sentAt": "t", "context": refused}
    assert second["sentAt"] == "t", "the innermost envelope that has it counts"
    assert second["context"] == {
        "consent": {"categoryPreferences": {"ads": True}}, "ip": "192.0.2.1", "locale": "de",
    }, "a record's own field counts, and is not mixed with that of its envelope"  # fmt: skip
    assert third == {"messageId": "3"}


def test_a_field_called_body_is_no_envelope_where_none_is_configured(tmp_path: Path) -> None:
    records = read(
        write(tmp_path / "a.json", b'{"ticket_id": "1", "body": null}'), "json", Source("tickets")
    )
    assert json.loads(records.raws[0]) == {"ticket_id": "1", "body": None}


def test_document_that_is_not_json_is_unreadable(tmp_path: Path) -> None:
    records = read(write(tmp_path / "a.json", b'{"a": '), "json")
    assert codes(records) == ["unreadable_file"]


def test_parquet_rows_come_in_order_with_types_json_has(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    duckdb.sql(
        "copy (select i as n, null as nothing, timestamptz '2026-01-01 02:00:00+02' as at from"
        f" range(120000) t(i) order by i) to '{path}'"
    )
    records = read(path, "parquet")
    assert records.lines == list(range(1, 120_001))
    assert json.loads(records.raws[70_000]) == {
        "n": 70_000,
        "nothing": None,
        "at": "2026-01-01 00:00:00+00",
    }


def test_parquet_that_is_none_is_unreadable(tmp_path: Path) -> None:
    records = read(write(tmp_path / "a.parquet", b"PAR1 but not really"), "parquet")
    assert records.problems == ["unreadable_file: it is not a readable Parquet file"]


def test_folders_and_globs_give_their_files_once_and_in_order(tmp_path: Path) -> None:
    for name in ("b.ndjson", "a.ndjson.gz", "sub/c.csv", ".hidden.csv", "_marker.csv", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = files.find([str(tmp_path), str(tmp_path / "*.ndjson")], None, must_exist=True)
    assert [(f.path.name, f.format, f.is_skipped) for f in found] == [
        ("a.ndjson.gz", "ndjson", False),
        ("b.ndjson", "ndjson", False),
        ("notes.txt", "", True),
        ("c.csv", "csv", False),
    ]


@pytest.mark.parametrize("pattern", ["nothing.csv", "empty", "*.csv"])
def test_a_named_place_with_nothing_in_it_is_reported(tmp_path: Path, pattern: str) -> None:
    (tmp_path / "empty").mkdir()
    (found,) = files.find([str(tmp_path / pattern)], None, must_exist=True)
    assert found.fault
    assert files.find([str(tmp_path / pattern)], None, must_exist=False) == []


def test_a_number_that_is_none_costs_no_row_of_parquet(tmp_path: Path) -> None:
    duckdb.sql(
        "select 1 as id, 'nan'::double as a, {'x': '-inf'::float, 'y': [1.5, 'inf'::double]} as b,"
        " 'a \"NaN\" \\ -Infinity' as name"
    ).write_parquet(str(tmp_path / "a.parquet"))
    (raw,) = read(tmp_path / "a.parquet", "parquet").raws
    assert json.loads(raw) == {
        "id": 1,
        "a": "NaN",
        "b": {"x": "-Infinity", "y": [1.5, "Infinity"]},
        "name": 'a "NaN" \\ -Infinity',
    }


def test_a_blank_line_in_a_cell_is_a_part_of_it(tmp_path: Path) -> None:
    content = b'\n \nid,name\n\n1,"a\r\n\r\n \r\nb"\n\n2,c\n3,"d\n\ne\n'
    records = read(write(tmp_path / "a.csv", content), "csv")
    assert [json.loads(raw) for raw in records.raws[:2]] == [
        {"id": "1", "name": "a\n\n \nb"},
        {"id": "2", "name": "c"},
    ]
    assert (records.lines, records.raws[2:]) == ([5, 10, 11, 13], ['3,"d', "e"])
    assert codes(records) == [None, None, "unclosed_quote", "wrong_column_count"]
