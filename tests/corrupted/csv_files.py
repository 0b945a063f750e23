"""CSV with odd delimiters, headers, rows and cells."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.corrupted import Kind, People, csv_text, kinds_of, rows


def kinds(people: People) -> Iterator[Kind]:
    """All of them."""
    yield from kinds_of(
        (_delimiters, _known_headers, _headers, _ragged, _quotes, _cells, _rates), people
    )


def _file(
    name: str,
    source: str,
    text: str,
    good: object = (),
    status: str = "landed",
    faulty: int | None = 0,
) -> Kind:
    return Kind(name, source, "a.csv", text.encode(), good, status, faulty)  # type: ignore[arg-type]


def _delimiters(people: People) -> Iterator[Kind]:
    for delimiter, end in (
        (";", "\n"),
        ("\t", "\r\n"),
        ("|", "\r"),
        (",", "\r"),
        (",", "\r\n"),
        (",", "\n\n"),
    ):
        source = people.source()
        records = people.of(source)
        yield _file(
            f"delimiter {delimiter!r}, line end {end!r}",
            source,
            csv_text(records, delimiter, end),
            records,
        )
    records = people.of("products")
    yield _file(
        "sep= line of Excel", "products", "sep=;\r\n" + csv_text(records, ";", "\r\n"), records
    )
    yield _file("delimiter ':'", "products", csv_text(people.of("products"), ":"), status="refused")
    records = people.of("products")
    mixed = csv_text(records[:1]) + csv_text(records[1:], ";", header=False)
    yield _file("delimiter changes among the rows", "products", mixed, records[:1], faulty=1)


def _known_headers(people: People) -> Iterator[Kind]:
    """Names of columns in another spelling."""
    spellings = {
        "upper case": str.upper, "blanks around names": lambda name: f" {name} ",
        "no-break spaces": lambda name: name.replace("_", "\u00a0"),
        "hyphens": lambda name: name.replace("_", "-"),
        "title case": lambda name: name.replace("_", " ").title(),
    }  # fmt: skip
    for label, spell in spellings.items():
        source = people.source()
        records = people.of(source)
        head, *rest = rows(records)
        text = "\n".join([",".join(map(spell, head.split(","))), *rest]) + "\n"
        yield _file(f"header: {label}", source, text, records)


def _headers(people: People) -> Iterator[Kind]:
    lines = rows(records := people.of("crm_contacts"))
    wide = ",".join(f"extra{n}" for n in range(9_000))
    filled = [f"{line},{','.join('x' * 9_000)}" for line in lines[1:]]
    yield _file(
        "header of nine thousand columns",
        "crm_contacts",
        "\n".join([f"{lines[0]},{wide}", *filled]),
        records,
    )
    lines = rows(people.of("crm_contacts"))
    yield _file("no header", "crm_contacts", "\n".join(lines[1:]) + "\n", status="refused")
    yield _file(
        "title above the header",
        "crm_contacts",
        "\n".join(["Contacts", *lines]) + "\n",
        status="refused",
    )
    yield _file(
        "comment above the header",
        "crm_contacts",
        "\n".join(["# 2026", *lines]) + "\n",
        status="refused",
    )
    yield _file("required column missing", "crm_contacts", "\n".join(lines).replace("contact_id",
    "kontakt"),
                status="refused")  # fmt: skip
    twice = "\n".join(f"{line},{line.split(',')[0]}" for line in lines)
    yield _file("column twice", "crm_contacts", twice, status="refused")
    yield _file("header alone", "orders", rows(people.of("orders"))[0] + "\n", status="empty")
    lines = rows(records := people.of("orders"))
    yield _file("blank lines above the header", "orders", "\n \n\n" + "\n".join(lines), records)
    lines = rows(records := people.of("orders"))
    again = [lines[0], lines[1], lines[0], lines[2]]
    yield _file("header repeated among the rows", "orders", "\n".join(again), records, faulty=1)
    lines = rows(records := people.of("consents"))
    yield _file(
        "nameless columns at the end", "consents", "\n".join(f"{x},," for x in lines), records
    )
    lines = rows(records := people.of("consents"))
    text = "\n".join(f",{x}" for x in lines)
    yield _file("nameless column in front", "consents", text, records)


def _ragged(people: People) -> Iterator[Kind]:
    spoilers: dict[str, Callable[[str], str]] = {
        "too few cells": lambda line: line.rpartition(",")[0].rpartition(",")[0],
        "too many cells": lambda line: line + ",x", "a trailing delimiter": lambda line: line + ",",
        "a row of delimiters": lambda line: "," * line.count(",") + ",,",
        "one word": lambda _: "Total",
        "a row cut off": lambda line: line[: len(line) // 2], "control-Z": lambda _: "\x1a",
        "a line of dashes": lambda _: "-" * 40,
        "a line of another file": lambda _: '{"contact_id": "k1"}',
    }  # fmt: skip
    for label, spoil in spoilers.items():
        source = people.source()
        people_ = people.of(source, 3)
        head, *rest = rows(people_)
        text = "\n".join([head, rest[0], spoil(rest[1]), rest[2]]) + "\n"
        yield _file(f"row: {label}", source, text, people_[::2], faulty=1)
    records = people.of("products")
    yield _file("row: of empty cells", "products", csv_text([records[0], dict.fromkeys(records[0],
    ""), records[1]]),
                records, faulty=1)  # fmt: skip


def _quotes(people: People) -> Iterator[Kind]:
    for label, subject in {
        "line feed in a cell": "a\nb", "two line ends in a cell": "a\r\n\r\nb",
        "quotes in a cell": '"a" "b"',
        "delimiter in a cell": "a,b;c\td|e", "a quote alone": '"',
    }.items():  # fmt: skip
        records = people.of("support_tickets", subject=subject)
        good = [{**record, "subject": subject.replace("\r", "")} for record in records]
        yield _file(f"quoted: {label}", "support_tickets", csv_text(records), good)
    for label, cell, subject in (
        ("quote in the middle", 'a "b" c', 'a "b" c'), ("apostrophes", "'a'", "'a'"),
        ("backslash", 'a\\"b', 'a\\"b'), ("text behind a quote", '"a" b', "a b"),
    ):  # fmt: skip
        lines = rows(people_ := people.of("support_tickets", subject="zzz"))
        text = "\n".join(lines).replace("zzz", cell)
        good = [{**record, "subject": subject} for record in people_]
        yield _file(f"unquoted: {label}", "support_tickets", text, good)
    records = people.of("support_tickets", 3, subject="zzz")
    lines = rows(records)
    lines[3] = lines[3].replace("zzz", '"zzz')
    yield _file(
        "a quote that never closes", "support_tickets", "\n".join(lines), records[:2], faulty=1
    )


def _cells(people: People) -> Iterator[Kind]:
    kept = {
        "two hundred thousand characters": "x" * 200_000, "a formula": "=cmd|' /C calc'!A0",
        "terminal codes": "\x1b[2J",
        "markup": "<script>alert(1)</script>", "SQL": "'); drop table x; --",
        "template": "{{ 7 * 7 }}",
        "right-to-left marks": "\u202eabc", "an emoji of seven parts": "👩‍👩‍👧‍👦",
        "line separators": "a\u2028b\u0085c",
        "a lone combining mark": "\u0301", "private use": "\ue000", "a noncharacter": "\uffff",
    }  # fmt: skip
    for label, value in kept.items():
        records = people.of("products", name=value)
        yield _file(f"cell: {label}", "products", csv_text(records), records)
    records = people.of("products", 3)
    records[1]["name"] = "x" * 2_500_000
    yield _file("cell: of megabytes", "products", csv_text(records), records[::2], faulty=None)
    for label, field, value in (
        ("NUL", "name", "a\0b"),
        ("an id with a bell", "product_id", "p\x07q"),
    ):
        records = people.of("products", 3)
        records[1][field] = value
        yield _file(f"cell: {label}", "products", csv_text(records), records[::2], faulty=1)
    for label, value in {"\\N": "\\N", "NULL": "NULL", "#N/A": "#N/A", "None": "None"}.items():
        records = people.of("crm_contacts", birth_date=value)
        good = [{**record, "birth_date": ""} for record in records]
        yield _file(f"cell: {label}", "crm_contacts", csv_text(records), good)


def _rates(people: People) -> Iterator[Kind]:
    records = people.of("exchange_rates", 2)
    yield _file("rates with blanks and N/A", "exchange_rates", "Date, GBP, \n" + "".join(
        f"{record['Date']}, {record['GBP']}, \n" for record in records), records)  # fmt: skip
    records = people.of("exchange_rates", 3)
    spoiled = [records[0], {**records[1], "GBP": "0,85"}, {**records[2], "GBP": "-1"}]
    yield _file(
        "rates with a comma or below zero",
        "exchange_rates",
        csv_text(spoiled),
        records[:1],
        faulty=2,
    )
    records = people.of("exchange_rates", 2)
    yield _file("rates without a date", "exchange_rates", csv_text([{**x,
    "Date": ""} for x in records]),
                status="refused")  # fmt: skip
    yield _file(
        "rates of a web page", "exchange_rates", "<html><body>503</body></html>\n", status="refused"
    )
