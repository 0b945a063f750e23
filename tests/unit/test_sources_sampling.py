"""What the sampler makes of files, odd ones among them; it prints no value."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from cli.main import build
from segmentry.errors import SourceError
from segmentry.settings import Settings
from sources import guesses, sampling
from sources.sampling import Sample, SampledColumn

ROWS = [
    "Kundennr;E-Mail;Handy;Datum;Summe;Status;Geburtstag;Newsletter abgemeldet;leer;wahr",
    *(
        f"K{one};ann{one}@shop.test;0151 23456{one:02d};{1 + one:02d}.12.2025;1.0{one:02d},50;"
        f"{'bezahlt' if one % 2 else 'storniert'};1980-01-{1 + one:02d};nein;;true"
        for one in range(20)
    ),
]


def of(tmp_path: Path, text: str | bytes, name: str = "a.csv") -> Sample:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return sampling.of_file(str(path))


def columns(sample: Sample) -> dict[str, SampledColumn]:
    return {column.name: column for column in sample.columns}


def test_columns_have_types_formats_and_what_they_are(tmp_path: Path) -> None:
    sample = of(tmp_path, "\n".join(ROWS))
    found = columns(sample)
    assert (sample.delimiter, sample.records, sample.faulty) == (";", 20, 0)
    assert {name: one.identifier for name, one in found.items() if one.identifier} == {
        "Kundennr": "user_id",
        "E-Mail": "email",
        "Handy": "phone",
    }
    assert [name for name, one in found.items() if one.is_time] == ["Datum"]
    assert [name for name, one in found.items() if one.is_opt_out] == ["Newsletter abgemeldet"]
    assert (found["Datum"].type, found["Datum"].form.date_format) == ("date", "%d.%m.%Y")
    assert (found["Summe"].type, found["Summe"].form.decimal) == ("amount", ",")
    assert (found["Status"].type, found["Geburtstag"].type) == ("word", "date")
    assert (found["leer"].empty, found["leer"].type) == (1.0, "text")
    assert found["wahr"].type == "boolean"
    assert found["Kundennr"].is_unique and not found["Status"].is_unique


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ("ann.lee@shop.test", "aaa.aaa@aaa.aaa"),
        ("2025-12-31", "9999-99-99"),
        ("+49 (151) 2", "+99 (999) 9"),
        ("Zoë Ünal", "Aaa Aaaa"),
        ("\u200bx\ty", "?a?a"),
        ("9" * 90, "9" * 39 + "…"),
    ],
)
def test_a_shape_reveals_nothing_of_the_value(value: str, shape: str) -> None:
    assert guesses.shape(value) == shape


def test_no_value_is_printed(home: Settings, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\n".join(ROWS), encoding="utf-8")
    for output in ("table", "json"):
        done = CliRunner().invoke(build(), ["sources", "sample", str(path), "--output", output])
        assert done.exit_code == 0, done.output
        for value in ("ann1", "shop.test", "23456", "bezahlt", "1980", "K1", "2025"):
            assert value not in done.output
    assert json.loads(
        CliRunner().invoke(build(), ["sources", "sample", str(path), "-o", "json"]).stdout
    )[1]["identifier"] == ("email")


@pytest.mark.parametrize(
    ("text", "name", "why"),
    [
        ("", "a.csv", "no record"),
        ("\n\n\n", "a.csv", "no record"),
        ("order_id,email\n", "a.csv", "no record"),
        ("7,ann@shop.test,2025-01-01\n8,bob@shop.test,2025-01-02\n", "a.csv", "is no header"),
        ("12.50;31.12.2025\n13.50;31.12.2025\n", "a.csv", "is no header"),
        ("a,a\n1,2\n", "a.csv", "names a column twice"),
        ("no json\n", "a.ndjson", "none of its records"),
        ("[1, 2]\n", "a.ndjson", "none of its records"),
        (b"\x1f\x8bbroken", "a.csv.gz", "gzip"),
        (b"PAR1 and nothing", "a.parquet", ""),
        ("a;b\n1;2\n", "a.xyz", "its name has no known format"),
    ],
)
def test_a_file_without_columns_is_refused(
    tmp_path: Path, text: str | bytes, name: str, why: str
) -> None:
    with pytest.raises(SourceError) as caught:
        of(tmp_path, text, name)
    assert why in caught.value.received
    assert caught.value.allowed and caught.value.remedy and caught.value.exit_code == 1
    assert "ann@" not in str(caught.value)


def test_a_file_that_is_not_there_or_is_a_pipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there is no such file"):
        sampling.of_file(str(tmp_path / "none.csv"))
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(SourceError, match="a pipe"):
        sampling.of_file(str(tmp_path / "pipe.csv"))


def test_packed_and_nested_files_are_sampled(tmp_path: Path) -> None:
    records = [{"userId": f"u{one}", "traits": {"email": "x"}, "n": one} for one in range(5)]
    text = "\n".join(json.dumps(record) for record in records).encode()
    found = columns(of(tmp_path, gzip.compress(text), "a.ndjson.gz"))
    assert (found["traits"].type, found["n"].type) == ("object", "integer")
    assert found["userId"].identifier == "user_id"
    path = tmp_path / "a.parquet"
    duckdb.sql(f"copy (select 'ann@shop.test' as mail, 1.5 as price) to '{path}' (format parquet)")
    found = columns(sampling.of_file(str(path)))
    assert (found["mail"].identifier, found["price"].type) == ("email", "amount")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_encodings_are_found(tmp_path: Path, encoding: str) -> None:
    sample = of(tmp_path, "Größe,Straße\nü,ö\nä,ß\n".encode(encoding))
    assert list(columns(sample)) == ["Größe", "Straße"]
    assert (sample.encoding, sample.faulty) == ("cp1252" if encoding == "cp1252" else None, 0)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_that_of_the_header(tmp_path: Path, delimiter: str) -> None:
    rows = [["id", "price", "note"], ["1", '"1,50"', '"a;b|c"'], ["2", '"2,50"', '"d"']]
    sample = of(tmp_path, "\n".join(delimiter.join(row) for row in rows))
    assert (sample.delimiter, len(sample.columns)) == (delimiter, 3)


def test_a_few_bad_rows_are_counted_and_left_out(tmp_path: Path) -> None:
    sample = of(tmp_path, "id,mail\n1,a@b.test\n2\n3,c@d.test,x,y\n4,e@f.test\n")
    assert (sample.records, sample.faulty) == (4, 2)


def test_a_date_that_reads_two_ways_is_ambiguous(tmp_path: Path) -> None:
    found = columns(of(tmp_path, "at,other\n01/02/2026,13/02/2026\n03/04/2026,04/02/2026\n"))
    assert found["at"].ambiguity == "every value also reads as %m/%d/%Y"
    assert (found["other"].form.date_format, found["other"].ambiguity) == ("%d/%m/%Y", "")


def test_a_code_with_leading_zeros_or_many_digits_is_no_number(tmp_path: Path) -> None:
    found = columns(of(tmp_path, "plz,ean,n\n01067,4006381333931,1\n10115,4006381333948,20\n"))
    assert [found[name].type for name in ("plz", "ean", "n")] == ["text", "text", "integer"]


def test_a_source_is_sampled_by_its_first_file(home: Settings, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no file lies where 'orders' is read from"):
        sampling.sample(home, "orders")
    inbox = home.home / "inbox" / "orders"
    inbox.mkdir(parents=True)
    (inbox / "a.csv").write_text("order_id,email\n1,ann@shop.test\n", encoding="utf-8")
    assert columns(sampling.sample(home, "orders"))["email"].identifier == "email"
