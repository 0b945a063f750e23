"""Text in encodings that were meant, and text that is in none."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import Any

from tests.corrupted import Kind, People, csv_text, kinds_of, ndjson_text, rows, text_of

UNICODE = ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")
FORMATS = {"csv": "crm_contacts", "ndjson": "events", "json": "surveys"}
NAMED: dict[str, dict[str, Any]] = {
    "crm_contacts": {"first_name": "Zoë Ω 日本"},
    "events": {},
    "surveys": {"comment": "größer 日本"},
}


def kinds(people: People) -> Iterator[Kind]:
    """All of them."""
    yield from kinds_of((_unicode, _broken_lines, _broken_files, _marks), people)


def _unicode(people: People) -> Iterator[Kind]:
    for format_, source in FORMATS.items():
        for encoding in UNICODE:
            records = people.of(source, **NAMED[source])
            content = text_of(records, format_).encode(encoding)
            yield Kind(f"{format_} in {encoding}", source, f"a.{format_}", content, records)


def _broken_lines(people: People) -> Iterator[Kind]:
    """A byte sequence that is no UTF-8 costs its line alone."""
    broken = {
        "latin-1": b"Zo\xeb", "cp1252 quotes": b"\x93Zoe\x94", "overlong form": b"Z\xc0\x80e",
        "encoded surrogate": b"Z\xed\xa0\x80e", "shift-jis": b"\x93\xfa\x96{",
        "beyond Unicode": b"Z\xf5\x80\x80\x80e",
    }  # fmt: skip
    for name, value in broken.items():
        records = people.of("crm_contacts", 3, first_name="Zoe")
        records[1]["first_name"] = "@@"
        content = csv_text(records).encode().replace(b"@@", value)
        yield Kind(
            f"csv, one cell in {name}", "crm_contacts", "a.csv", content, records[::2], faulty=1
        )
        tickets = people.of("support_tickets", 3)
        tickets[1]["subject"] = "@@"
        content = ndjson_text(tickets).encode().replace(b"@@", value)
        yield Kind(
            f"ndjson, one value in {name}",
            "support_tickets",
            "a.ndjson",
            content,
            tickets[::2],
            faulty=1,
        )


def _broken_files(people: People) -> Iterator[Kind]:
    survey = text_of(people.of("surveys", comment="@@"), "json").encode()
    yield Kind(
        "json in latin-1",
        "surveys",
        "a.json",
        survey.replace(b"@@", b"\xeb"),
        status="unreadable",
        faulty=1,
    )
    records = people.of("products", name="Größe")
    content = codecs.BOM_UTF16_LE + csv_text(records).encode()
    yield Kind("utf-8 under a mark of utf-16", "products", "a.csv", content, status="refused")
    records = people.of("products", 2, name="Größe")
    content = csv_text(records[:1]).encode() + csv_text(records[1:], header=False).encode(
        "utf-16-le"
    )
    yield Kind("utf-16 behind utf-8", "products", "a.csv", content, status="refused")
    cut = csv_text(people.of("crm_contacts", 1, email="", occupation="日")).encode()
    at = cut.rindex("日".encode()) + 1
    first = people.of("crm_contacts", 1, occupation="x")
    both = csv_text(first).encode() + cut[cut.index(b"\n") + 1 : at]
    yield Kind("cut inside a character", "crm_contacts", "a.csv", both, first, faulty=1)
    records = people.of("orders", 2)
    content = csv_text(records).encode("utf-16")[:-1]
    yield Kind("utf-16 with an odd byte", "orders", "a.csv", content, records[:1], faulty=1)
    ebcdic = csv_text(people.of("products")).encode("cp037")
    yield Kind("ebcdic", "products", "a.csv", ebcdic, status="refused")


def _marks(people: People) -> Iterator[Kind]:
    mark = "\ufeff"
    records = people.of("orders")
    yield Kind(
        "two byte order marks", "orders", "a.csv", (mark * 2 + csv_text(records)).encode(), records
    )
    lines = rows(records := people.of("subscriptions"))
    yield Kind("a mark on each line", "subscriptions", "a.csv",
    "".join(f"{mark}{x}\n" for x in lines).encode(),
               records)  # fmt: skip
    events = people.of("events")
    text = "".join(mark + line + "\n" for line in ndjson_text(events).splitlines())
    yield Kind("a mark on each JSON line", "events", "a.ndjson", text.encode(), events)
    records = people.of("email_events")
    lines = csv_text(records).splitlines()
    head = ",".join(f'"{name}"' for name in lines[0].split(","))
    quoted = "\n".join([mark + head, *lines[1:]]) + "\n"
    yield Kind("a mark before a quoted header", "email_events", "a.csv", quoted.encode(), records)
