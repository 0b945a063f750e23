"""Files with good records of many people, and between them a bad one for each column and kind of
odd value.

The columns are those that the base models declare: a new column is among them without a change
here.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from segmentry.settings import ROOT
from sources.judgement import declared

PEOPLE = 400
DAY = "2026-06-{:02d}T10:00:00Z"
# Each is right for some column, and none is right for all of them.
ODD: tuple[object, ...] = (
    -1, 0, 1e14, 10**40, "NaN", "Infinity", "abc", "12,50", True, {"a": 1}, [1], "9999-12-31",
    "0000-00-00",
    "0001-01-01T00:00:00Z", "2031-01-01T00:00:00Z", "u\u0000x",
)  # fmt: skip
_ITEM = {
    "product_id": "p1",
    "name": "Lamp",
    "category": "Home",
    "quantity": 2,
    "unit_price": 5,
    "unit_cost": 2,
}


def good(source: str, person: int) -> dict[str, Any]:
    """The record of one person, with every column that the source reads."""
    return {**_people(person), **_things(person)}[source]


def _people(person: int) -> dict[str, dict[str, Any]]:
    day = DAY.format(1 + person % 28)
    user = f"user-{person}"
    email = f"person{person}@shop.example.org"
    return {
        "crm_contacts": {
            "contact_id": f"k{person}", "email": email, "phone": "", "first_name": "Ann",
            "last_name": "Lee",
            "birth_date": "1980-02-29", "gender": "female", "country": "DE", "household_size": 2,
            "user_id": user,
            "created_at": day, "updated_at": day,
        },
        "events": {
            "messageId": f"m{person}", "type": "identify", "userId": user,
            "anonymousId": f"cookie-{person}",
            "timestamp": day, "traits": {"email": email},
            "context": {"page": {"path": "/"}, "device": {"type": "mobile"},
            "location": {"country": "DE"}},
            "properties": {"product_id": "p1", "price": 5, "quantity": 1, "revenue": 5,
            "category": "Home"},
        },
        "orders": {
            "order_id": f"o{person}", "ordered_at": day, "updated_at": day, "status": "completed",
            "user_id": user,
            "email": email, "currency": "EUR", "subtotal": 10, "discount": 0, "shipping": 0,
            "tax": 0, "total": 10,
            "refunded": 0, "channel": "web", "items": json.dumps([_ITEM]),
        },
    }  # fmt: skip


def _things(person: int) -> dict[str, dict[str, Any]]:
    day = DAY.format(1 + person % 28)
    user = f"user-{person}"
    email = f"person{person}@shop.example.org"
    return {
        "products": {
            "product_id": f"p{person}", "name": "Lamp", "category": "Home", "price": 5, "cost": 2,
            "currency": "EUR",
            "is_luxury": True, "created_at": day, "updated_at": day,
        },
        "subscriptions": {
            "change_id": f"s{person}", "subscription_id": f"S{person}", "user_id": user,
            "plan": "pro",
            "status": "active", "mrr": 20, "currency": "EUR", "started_at": day, "changed_at": day,
            "ended_at": "2027-01-01T00:00:00Z",
        },
        "support_tickets": {
            "ticket_id": f"t{person}", "user_id": user, "email": email, "subject": "Late",
            "body": "Where is it?",
            "created_at": day, "updated_at": day, "resolved_at": day, "satisfaction": 4,
        },
        "surveys": {
            "response_id": f"r{person}", "survey": "values", "user_id": user, "submitted_at": day,
            "answers": {"nps": 9, "price_sensitivity": 3},
        },
        "email_events": {"event_id": f"e{person}", "event_type": "open", "email": email,
        "occurred_at": day},
        "online_retail": {
            "InvoiceNo": f"{person}", "StockCode": "10A", "Description": "LAMP", "Quantity": 1,
            "InvoiceDate": "2026-06-01 08:26:00", "UnitPrice": 2.5, "CustomerID": 17000 + person,
            "Country": "France",
        },
        "consents": {
            "consent_id": f"c{person}", "identifier_type": "email", "identifier": email,
            "purpose": "marketing",
            "channel": "email", "status": "granted", "jurisdiction": "DE", "occurred_at": day,
        },
    }  # fmt: skip


SOURCES = (
    "consents", "crm_contacts", "email_events", "events", "online_retail", "orders", "products",
    "subscriptions",
    "support_tickets", "surveys",
)  # fmt: skip


# What the texts of declared columns begin with, and where in a record that is.
_STARTS = {"record": (), "surroundings": (), "property": ("properties",), "own": ("traits",)}
_READ_AT = re.compile(r"\b(record|surroundings|property|own)((?:\.(?:\w+|\"\w+\"))+)")
Place = tuple[str, ...]


@cache
def _declared() -> dict[str, dict[str, dict[str, Any]]]:
    return declared(ROOT / "dbt_project")


def paths(source: str) -> list[Place]:
    """Where in a record of the source columns are read from: its own fields, and those within
    objects.
    """
    found: dict[Place, None] = {(field,): None for field in good(source, 0)}
    for column, spec in _declared()[source].items():
        read_at = _READ_AT.findall(spec["text"])
        for start, rest in read_at:
            found[_STARTS[start] + tuple(rest.replace('"', "").strip(".").split("."))] = None
        if spec["field"] != column and isinstance(good(source, 0).get(spec["field"]), dict):
            found[(spec["field"], column)] = None
    return list(found)


def changed(record: dict[str, Any], path: Place, value: object) -> dict[str, Any]:
    """A copy of the record with the value at the path."""
    record = copy.deepcopy(record)
    place = record
    for name in path[:-1]:
        place = place.setdefault(name, {})
    place[path[-1]] = value
    return record


def bad(source: str) -> Iterator[tuple[str, object, dict[str, Any]]]:
    """(field, value, record) for each field and odd value; the record is of another person than the
    good ones.
    """
    number = 10_000
    for path in paths(source):
        for value in (*ODD, -1e14):
            number += 1
            yield ".".join(path), value, changed(good(source, number), path, value)
    if source == "orders":
        for part in _ITEM:
            for value in (-1, 1e14, "NaN", [1], None):
                number += 1
                item = json.dumps([{**_ITEM, part: value}, "no item", None])
                yield f"items.{part}", value, {**good(source, number), "items": item}


def write(folder: Path, *, with_bad: bool = True) -> None:
    """A file per source: good records, and bad ones behind them."""
    for source in SOURCES:
        lines = [json.dumps(good(source, person)) for person in range(PEOPLE)]
        lines += [json.dumps(record) for _, _, record in bad(source)] if with_bad else []
        (folder / source).mkdir(parents=True, exist_ok=True)
        (folder / source / "records.ndjson").write_text("\n".join(lines) + "\n", encoding="utf-8")
