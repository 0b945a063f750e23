"""JSON lines and documents with odd texts, values and shapes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from tests.corrupted import Kind, People, Record, kinds_of, ndjson_text


def kinds(people: People) -> Iterator[Kind]:
    """All of them."""
    yield from kinds_of(
        (_broken_lines, _kept_lines, _ids, _parts, _fields, _documents, _broken_documents), people
    )


def _with(name: str, source: str, records: Sequence[Record], line: str, faulty: int = 1) -> Kind:
    """The records with the line between them."""
    first, *rest = ndjson_text(records).splitlines()
    text = "\n".join([first, line, *rest]) + "\n"
    return Kind(
        name, source, "a.ndjson", text.encode("utf-8", "surrogatepass"), records, faulty=faulty
    )


def _broken_lines(people: People) -> Iterator[Kind]:
    """A line that costs itself alone; {} is replaced by a whole record's fields."""
    for name, line in {
        "a line cut off": "{%.30s", "apostrophes": "{'messageId': 'm'}",
        "a comment": '{%s /* x */}', "two objects": "{%s}{%s}", "an array of objects": "[{%s}]",
        "a number": "17",
        "a text": '"m17"', "null": "null", "true": "true", "an empty object": "{}",
        "markup": "<p>503</p>",
        "a guard against scripts": ")]}',", "a bracket alone": "[",
        "a name twice": '{"messageId": "twice", %s}',
        "a name without quotes": "{messageId: 1}", "a raw line feed name": '{"a\tb": 1}',
        "an envelope of null":
        '{"batch": null}', "a text of JSON": '"{\\"messageId\\": \\"m1\\"}"', "NaN alone": "NaN",
    }.items():  # fmt: skip
        fields = json.dumps(people.of("events", 1)[0])[1:-1]
        yield _with(
            f"line: {name}",
            "events",
            people.of("events"),
            line.replace("%s", fields).replace("%.30s", fields[:30]),
        )


def _kept_lines(people: People) -> Iterator[Kind]:
    """Odd but right: every record is accepted."""
    odd: dict[str, Record] = {
        "a thousand unknown names": {f"x{n}": n for n in range(1_000)}, "an empty name": {"": 1},
        "a name of a prototype": {"__proto__": {"a": 1}}, "a long name": {"n" * 5_000: 1},
        "a number of 400 digits": {"extra": 10**400},
        "nested 300 deep": {"extra": json.loads("[" * 300 + "]" * 300)},
        "a name with a quote": {'a"b': 1}, "a name with a dot": {"a.b": 1},
        "a name with control characters": {"a\tb": 1},
    }  # fmt: skip
    for name, record in odd.items():
        events = people.of("events")
        lines = ndjson_text([{**events[0], **record}, events[1]])
        yield Kind(f"kept: {name}", "events", "a.ndjson", lines.encode(), events)
    events = people.of("events")
    text = ndjson_text([{**event, "extra": [float("nan"), float("-inf")]} for event in events])
    yield Kind("kept: NaN where nothing reads it", "events", "a.ndjson", text.encode(), events)
    records = people.of("crm_contacts")
    broken = ndjson_text([{**records[0], "household_size": float("nan")}, records[1]])
    broken = broken.replace("contact_id", "Contact Id")
    cleared = [{**records[0], "household_size": None}, records[1]]
    yield Kind("kept: NaN for a number", "crm_contacts", "a.ndjson", broken.encode(), cleared)
    comma = ndjson_text(people.of("surveys")).replace("}\n", ",}\n")
    yield Kind(
        "a trailing comma in each line", "surveys", "a.ndjson", comma.encode(), status="refused"
    )
    records = people.of("crm_contacts", 1)
    digits = ndjson_text([{**records[0], "extra": "@"}]).replace('"@"', "1" * 5_000)
    yield Kind(
        "kept: a number of 5,000 digits", "crm_contacts", "a.ndjson", digits.encode(), records
    )
    records = people.of("crm_contacts", 1)
    digits = (
        ndjson_text([{**records[0], "extra": "@"}])
        .replace('"@"', "1" * 5_000)
        .replace("contact_id", "ContactId")
    )
    yield Kind(
        "kept: a number of 5,000 digits, names spelled",
        "crm_contacts",
        "a.ndjson",
        digits.encode(),
        records,
    )
    records = people.of("crm_contacts", 1)
    digits = ndjson_text([{**records[0], "extra": "@"}]).replace('"@"', "1" * 5_000)
    yield Kind(
        "document: a number of 5,000 digits", "crm_contacts", "a.json", digits.encode(), records
    )
    records = people.of("crm_contacts")
    spelled = [
        {name.upper().replace("_", " "): value for name, value in record.items()}
        for record in records
    ]
    yield Kind(
        "kept: names in capitals",
        "crm_contacts",
        "a.ndjson",
        ndjson_text(spelled).encode(),
        records,
    )
    text = ndjson_text(records := people.of("surveys")).replace("\n", "\r\n\r\n")
    yield Kind(
        "kept: carriage returns and blank lines", "surveys", "a.jsonl", text.encode(), records
    )
    text = ndjson_text(records := people.of("surveys")).rstrip("\n")
    yield Kind("kept: no line end at the end", "surveys", "a.ndjson", text.encode(), records)


def _ids(people: People) -> Iterator[Kind]:
    """An id that is none costs its record."""
    for name, value in {
        "an object": {"a": 1}, "a list": [1], "true": True, "null": None, "an empty text": " ",
        "a NUL": "a\0b",
        "NaN": float("nan"), "Infinity": float("inf"), "a bell": "a\x07b",
    }.items():  # fmt: skip
        source, field = (("events", "messageId"), ("surveys", "response_id"))[len(name) % 2]
        broken = {**people.of(source, 1)[0], field: value}
        yield _with(f"id: {name}", source, people.of(source), json.dumps(broken))
    surrogate = json.dumps({**people.of("events", 1)[0], "messageId": "a\ud800b"})
    yield _with("id: half of a surrogate pair", "events", people.of("events"), surrogate)


# A part of an event, values that are none, and the event as it is accepted without the part.
_PARTS = ("traits", "properties", "context", "context.page", "context.device", "context.location")


def _parts(people: People) -> Iterator[Kind]:
    for number, path in enumerate(_PARTS):
        for value in ("x", [1, {"a": 2}])[number % 2 :]:
            events = people.of("events")
            kind = f"part {path} is {type(value).__name__}"
            yield Kind(kind, "events", "a.ndjson", ndjson_text([_put(events[0], path, value),
            events[1]]).encode(),
                       [_put(events[0], path, None), events[1]])  # fmt: skip


def _put(record: Record, path: str, value: Any) -> Record:
    head, _, rest = path.partition(".")
    inner = record[head]
    return {**record, head: _put(inner, rest, value) if rest else value}


def _fields(people: People) -> Iterator[Kind]:
    """A value of a wrong type that costs its field alone."""
    for source, field, value in (
        ("orders", "channel", {"a": 1}), ("orders", "discount", "NaN"), ("crm_contacts",
        "household_size", [3]),
        ("crm_contacts", "birth_date", {"y": 1980}), ("crm_contacts", "country", 17), ("products",
        "is_luxury",
        "maybe"),
        ("products", "cost", 1e300), ("subscriptions", "mrr", "a lot"), ("subscriptions",
        "ended_at", []),
        ("support_tickets", "satisfaction", 1e9), ("support_tickets", "resolved_at", "0000-00-00"),
    ):  # fmt: skip
        records = people.of(source)
        spoiled = ndjson_text([{**records[0], field: value}, records[1]])
        cleared = [{**records[0], field: None}, records[1]]
        yield Kind(
            f"field {source}.{field} is {json.dumps(value)}",
            source,
            "a.ndjson",
            spoiled.encode(),
            cleared,
        )
    answers: dict[str, Any] = {"null": None, "a number": 5, "a list": [[]], "a text": '["nps"]'}
    for name, value in answers.items():
        broken = {**people.of("surveys", 1)[0], "answers": value}
        yield _with(f"answers are {name}", "surveys", people.of("surveys"), json.dumps(broken))
    for name, items in {
        "no JSON": "[{",
        "an object": '{"a": 1}',
        "texts": '["a", "b"]',
        "deep": "[" * 400 + "]" * 400,
    }.items():
        broken = {**people.of("orders", 1)[0], "items": items}
        yield _with(
            f"items of an order are {name}", "orders", people.of("orders"), json.dumps(broken)
        )


def _documents(people: People) -> Iterator[Kind]:
    def document(
        name: str, source: str, good: Sequence[Record], value: Any, faulty: int = 0
    ) -> Kind:
        return Kind(
            f"document: {name}", source, "a.json", json.dumps(value).encode(), good, faulty=faulty
        )

    events = people.of("events")
    yield document("one object", "events", events[:1], events[0])
    events = people.of("events")
    yield document(
        "envelopes in envelopes",
        "events",
        events,
        {"body": {"batch": [[events[0]], {"batch": events[1:]}]}},
    )
    events = people.of("events")
    yield document(
        "scalars among objects",
        "events",
        events,
        [1, events[0], None, "x", events[1], []],
        faulty=3,
    )
    events = people.of("events")
    yield document(
        "an empty request among others", "events", events, [{"body": None}, *events], faulty=1
    )
    records = people.of("surveys")
    yield Kind(
        "document: objects behind each other",
        "surveys",
        "a.json",
        ndjson_text(records).encode(),
        records,
    )
    records = people.of("surveys")
    text = json.dumps(
        [records[0], {**people.of("surveys", 1)[0], "response_id": float("nan")}, records[1]],
        indent=3,
    )
    yield Kind(
        "document: NaN as an id",
        "surveys",
        "a.json",
        ("\ufeff\n" + text + "\n\n").encode(),
        records,
        faulty=1,
    )
    records = people.of("crm_contacts", 1)
    text = json.dumps([{**records[0], "x": "@"}]).replace('"@"', "[" * 200 + "]" * 200)
    yield Kind("document: nested 200 deep", "crm_contacts", "a.json", text.encode(), records)


def _broken_documents(people: People) -> Iterator[Kind]:
    whole = json.dumps(people.of("surveys"), indent=1)
    for name, text, status, faulty in (
        ("cut off", whole[:-40], "unreadable", 1), ("a trailing comma", whole[:-1] + ",]",
        "unreadable", 1),
        ("text behind it", whole + "\n<!-- x -->", "refused", 0), ("comments", "// x\n" + whole,
        "unreadable", 1),
        ("a text", '"x"', "refused", 0), ("a number", "17", "refused", 0), ("an empty list", "[]",
        "empty", 0),
        ("null", "null", "refused", 0), ("an empty object", "{}", "refused", 0), ("a page",
        "<html>", "unreadable", 1),
        ("nested too deeply", "[" * 100_000 + "]" * 100_000, "unreadable", 1), ("blanks", " \n\t ",
        "empty", 0),
        ("a list of texts", '["a", "b"]', "refused", 0), ("a Python literal", "[{'a': None}]",
        "unreadable", 1),
    ):  # fmt: skip
        yield Kind(
            f"document: {name}", "surveys", "a.json", text.encode(), status=status, faulty=faulty
        )
