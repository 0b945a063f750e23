"""Base models of the staging layer on a plain DuckDB: records in, judged rows out, in
milliseconds.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import duckdb

from tests.dbt_sql import Project

LOADED_AT = "2026-12-01"


def fields_of(row: dict[str, Any]) -> list[str]:
    """Optional columns of an accepted row, one entry for each place it is counted in: accepted,
    cleared, empty.
    """
    cleared = [entry.partition(":")[0] for entry in _names(row["cleared"])]
    return [*_names(row["fields_accepted"]), *cleared, *_names(row["fields_empty"])]


def _names(text: str | None) -> list[str]:
    return text.split(", ") if text else []


# The least record of each source that is accepted.
GOOD: dict[str, dict[str, Any]] = {
    "consents": {
        "consent_id": "c1", "identifier_type": "email", "identifier": "ann@shop.test",
        "purpose": "marketing",
        "channel": "email", "status": "granted", "occurred_at": "2026-01-01T00:00:00Z",
    },
    "crm_contacts": {"contact_id": "k1", "email": "ann@shop.test",
    "updated_at": "2026-01-01T00:00:00Z"},
    "email_events": {
        "event_id": "e1", "event_type": "open", "email": "ann@shop.test",
        "occurred_at": "2026-01-01T00:00:00Z",
    },
    "events": {
        "messageId": "m1", "type": "track", "event": "Product Viewed", "anonymousId": "a1",
        "userId": "u1",
        "timestamp": "2026-01-01T00:00:00Z",
    },
    "exchange_rates": {"Date": "2026-01-01", "USD": "1.1"},
    "online_retail": {
        "InvoiceNo": "1", "StockCode": "10A", "Quantity": "1", "InvoiceDate": "2010-12-01 08:26:00",
        "UnitPrice": "2.5",
    },
    "orders": {
        "order_id": "o1", "ordered_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-02T00:00:00Z",
        "status": "completed", "user_id": "u1", "currency": "EUR", "total": 10,
    },
    "products": {"product_id": "p1", "name": "Lamp", "category": "Home",
    "updated_at": "2026-01-01T00:00:00Z"},
    "subscriptions": {
        "change_id": "s1", "subscription_id": "s", "plan": "pro", "status": "active",
        "changed_at": "2026-01-01T00:00:00Z",
    },
    "support_tickets": {
        "ticket_id": "t1", "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-02T00:00:00Z",
    },
    "surveys": {
        "response_id": "r1", "survey": "values", "submitted_at": "2026-01-01T00:00:00Z",
        "answers": {"nps": 9},
    },
}  # fmt: skip


class StagingLake:
    """raw and staging of one connection; each call of ``judged`` begins with an empty source."""

    def __init__(self, folders: Sequence[str] = ("staging", "portable")) -> None:
        self.connection = duckdb.connect(":memory:")
        self.connection.execute("set TimeZone = 'UTC'; create schema raw; create schema staging")
        self.project = Project(self.connection, folders)
        self._sql: dict[str, str] = {}

    def land(self, source: str, records: Sequence[dict[str, Any] | str]) -> None:
        """Replace what is landed of a source, a line each; a text lands as it is."""
        self.connection.execute(
            f"create or replace table raw.{source} (_source varchar, _file varchar, _line bigint,"
            " _loaded_at timestamp, _batch_id varchar, _raw varchar, _problem varchar)"
        )
        rows = [
            [
                source,
                "f",
                line,
                LOADED_AT,
                "b",
                text if isinstance(text, str) else json.dumps(text),
                None,
            ]
            for line, text in enumerate(records, start=1)
        ]
        if rows:
            self.connection.executemany(
                f"insert into raw.{source} values (?, ?, ?, ?, ?, ?, ?)", rows
            )

    def judged(self, source: str, records: Sequence[dict[str, Any] | str]) -> list[dict[str, Any]]:
        """Rows of the base model, in the order of the lines."""
        self.land(source, records)
        if source not in self._sql:
            self._sql[source] = self.project.render(f"staging/base_{source}")
        found = self.connection.execute(f"select * from ({self._sql[source]}) order by _line")
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
