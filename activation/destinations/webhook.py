"""A receiver of one's own: signed notices after the Standard Webhooks specification.

One request carries up to 1,000 people. ``webhook-id`` is the same however often the same rows are
tried, so a receiver that keeps the ids it has seen handles each once. A 2xx answer may name single
rows that it refuses: ``{"results": [{"row_key": "...", "status": "error", "message": "..."}]}``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx

from activation import signing
from activation.client import decoded
from activation.destination import (
    EVERY_CHANNEL,
    EVERY_PURPOSE,
    Destination,
    DestinationSession,
    PlaceNames,
)
from activation.model import Batch, Result, RowOutcome, Status, all_sent
from activation.redact import clean
from activation.row_columns import given_all
from activation.row_table import named


class Webhook(Destination):
    """Signed HTTP notices."""

    settings = ("url", "secret")
    place = PlaceNames(("url",), ("url",))
    names_syncs = True
    purposes = EVERY_PURPOSE
    channels = EVERY_CHANNEL
    options = ("type",)
    batch_rows = 1_000
    cost_unit = "requests"
    grains = ("profile", "membership", "transition")

    def upsert(self, session: DestinationSession, batch: Batch) -> Result:
        """Send the rows that entered or changed."""
        rows = batch.rows
        people = [
            {"row_key": key, "key": identity, "operation": operation._value_, "values": values}
            for (key, identity, operation), values in zip(
                named(rows), given_all(rows, session.sync), strict=True
            )
        ]
        return _deliver(session, batch, "segment.members.upserted", people)

    def remove(self, session: DestinationSession, batch: Batch) -> Result:
        """Send the rows that left."""
        people = [
            {"row_key": row.row_key, "key": row.identity, "operation": "remove"}
            for row in batch.rows
        ]
        return _deliver(session, batch, "segment.members.removed", people)


def _deliver(
    session: DestinationSession, batch: Batch, kind: str, people: list[dict[str, Any]]
) -> Result:
    event = str(session.option("type", kind))
    return outcomes_of(batch, decoded(post(session, batch, kind, people, event)))


def post(
    session: DestinationSession,
    batch: Batch,
    kind: str,
    people: list[dict[str, Any]],
    event: str,
) -> httpx.Response:
    """Send one signed event; kind: what it does; event: the type that it bears."""
    import orjson

    body = orjson.dumps(
        {
            "type": event,
            "data": {"sync": session.sync.name, "operation": kind, "rows": people},
        }
    )

    def headers() -> dict[str, str]:
        return signing.headers(session.connection["secret"], f"msg_{batch.request_id}", body)

    client = session.http({}, None)
    return client.call("POST", "", content=body, headers_of=headers)


def outcomes_of(batch: Batch, answer: Any) -> Sequence[RowOutcome]:
    """Outcomes of the rows; the receiver's answer may refuse single ones."""
    results = answer.get("results", []) if isinstance(answer, dict) else []
    bad = {
        r.get("row_key"): r for r in results if isinstance(r, dict) and r.get("status") == "error"
    }
    if not bad:
        return all_sent(batch.rows)
    outcomes = []
    for row in batch.rows:
        if row.row_key not in bad:
            outcomes.append(RowOutcome(row, Status.sent))
            continue
        refusal = bad[row.row_key]
        status = Status.retry if refusal.get("retryable") else Status.rejected
        outcomes.append(
            RowOutcome(row, status, clean(refusal.get("message", "refused by the receiver")))
        )
    return outcomes


DESTINATION = Webhook()
