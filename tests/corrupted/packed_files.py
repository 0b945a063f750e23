"""Compressed files, whole and damaged, and formats that no reader reads."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import zipfile
from collections.abc import Iterator

from tests.corrupted import Kind, People, csv_text, kinds_of, ndjson_text, text_of


def kinds(people: People) -> Iterator[Kind]:
    """All of them."""
    yield from kinds_of((_whole, _damaged, _other_formats), people)


def _whole(people: People) -> Iterator[Kind]:
    records = people.of("events")
    yield Kind(
        "gzip under a plain name",
        "events",
        "a.ndjson",
        gzip.compress(ndjson_text(records).encode()),
        records,
    )
    records = people.of("orders")
    yield Kind(
        "plain text under the name of a gzip",
        "orders",
        "a.csv.gz",
        csv_text(records).encode(),
        records,
    )
    records = people.of("events")
    parts = b"".join(
        gzip.compress(line.encode() + b"\n") for line in ndjson_text(records).splitlines()
    )
    yield Kind("gzip of two members", "events", "a.ndjson.gz", parts, records)
    records = people.of("products", name="Größe")
    packed = gzip.compress(csv_text(records).encode("utf-16"))
    yield Kind("gzip of utf-16", "products", "a.csv.gz", packed, records)
    yield Kind("gzip of nothing", "products", "a.csv.gz", gzip.compress(b""), status="empty")
    records = people.of("surveys")
    yield Kind(
        "gzip of a document",
        "surveys",
        "a.json.gz",
        gzip.compress(text_of(records, "json").encode()),
        records,
    )


def _damaged(people: People) -> Iterator[Kind]:
    """A stream that breaks off leaves a record of the break."""
    noise = random.Random(7)
    pad = "".join(noise.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(40_000))
    for format_, source, field in (
        ("ndjson", "support_tickets", "body"),
        ("csv", "support_tickets", "body"),
    ):
        records = people.of(source, 2)
        records[1][field] = pad
        whole = gzip.compress(text_of(records, format_).encode())
        yield Kind(f"gzip of {format_}, cut off", source, f"a.{format_}.gz",
        whole[: len(whole) // 2], records[:1],
                   "unreadable", None)  # fmt: skip
    records = people.of("events")
    whole = gzip.compress(ndjson_text(records).encode())
    yield Kind(
        "gzip without its last bytes",
        "events",
        "a.ndjson.gz",
        whole[:-8],
        records,
        "unreadable",
        None,
    )
    records = people.of("events")
    whole = gzip.compress(ndjson_text(records).encode())
    yield Kind(
        "gzip with a wrong checksum",
        "events",
        "a.ndjson.gz",
        whole[:-8] + b"\0" * 8,
        records,
        "unreadable",
        None,
    )
    records = people.of("events")
    whole = gzip.compress(ndjson_text(records).encode())
    yield Kind(
        "gzip with rubbish behind it",
        "events",
        "a.ndjson.gz",
        whole + b"rubbish",
        records,
        "unreadable",
        None,
    )
    document = gzip.compress(text_of(people.of("surveys"), "json").encode())
    yield Kind(
        "gzip of a document, cut off",
        "surveys",
        "a.json.gz",
        document[:60],
        status="unreadable",
        faulty=1,
    )
    yield Kind(
        "gzip header alone", "events", "a.ndjson.gz", whole[:10], status="unreadable", faulty=1
    )
    yield Kind(
        "two bytes of a gzip", "events", "a.ndjson.gz", whole[:2], status="unreadable", faulty=1
    )
    twice = gzip.compress(gzip.compress(csv_text(people.of("orders")).encode()))
    yield Kind("gzip of a gzip", "orders", "a.csv.gz", twice, status="unreadable", faulty=1)


def _other_formats(people: People) -> Iterator[Kind]:
    text = csv_text(people.of("crm_contacts", 20)).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("xl/worksheets/sheet1.xml", text)
    contents = {
        "Excel workbook as csv": packed.getvalue(),
        "old Excel workbook": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + text,
        "bzip2": bz2.compress(text), "xz": lzma.compress(text),
        "zstd": b"\x28\xb5\x2f\xfd\x04\x58" + text,
        "PDF": b"%PDF-1.7\n" + text, "PNG": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)),
        "SQLite": b"SQLite format 3\0" + bytes(200), "Parquet named csv": b"PAR1" + text + b"PAR1",
        "NULs": bytes(5_000), "random bytes": random.Random(3).randbytes(4_000),
        "an object file": b"\x7fELF\2\1\1" + bytes(60),
    }  # fmt: skip
    for name, content in contents.items():
        yield Kind(name, "crm_contacts", "a.csv", content, status="unreadable", faulty=1)
    yield Kind(
        "Excel workbook as ndjson",
        "events",
        "a.ndjson",
        packed.getvalue() + b" ",
        status="unreadable",
        faulty=1,
    )
    yield Kind(
        "Excel workbook under its name",
        "crm_contacts",
        "a.xlsx",
        packed.getvalue(),
        status="skipped",
    )
    yield Kind(
        "random bytes as json",
        "surveys",
        "a.json",
        random.Random(4).randbytes(900),
        status="unreadable",
        faulty=1,
    )
    yield Kind("no byte", "orders", "a.csv", b"", status="empty")
    yield Kind("one byte", "orders", "a.csv", b"x", status="refused")
    yield Kind("a line end alone", "orders", "a.csv", b"\n", status="empty")
    yield Kind("a mark alone", "orders", "a.csv", b"\xef\xbb\xbf", status="empty")
