"""Segment or RudderStack: identify calls with a boolean trait for being in the audience.

``trait`` names it (default ``in_<sync>``). ``messageId`` is the same however often a row is tried,
so that both ends drop repetitions. The answer is 200 even for a row that is dropped later: what is
wrong is caught before sending.
"""

from __future__ import annotations

import base64
import uuid
from datetime import UTC, datetime
from typing import Any

from activation.client import Client, Rate
from activation.destination import (
    EVERY_CHANNEL,
    EVERY_PURPOSE,
    Destination,
    DestinationSession,
    PlaceNames,
    given,
)
from activation.model import Batch, Result, Row, all_sent

NAMESPACE = uuid.UUID(
    "6f1a3e0c-8f0e-4b55-9a59-6b1f0c9a7c1d"
)  # of our own message ids; a change repeats messages
MESSAGE_BYTES = 32_000


class SegmentTracking(Destination):
    """One Segment source, or a RudderStack data plane."""

    settings = ("url", "write_key")
    optional_settings = ("regulations_url", "regulations_token")  # of deletions
    place = PlaceNames(("url", "write_key"), ("url", "write_key"), {"trait": "in_{sync}"})
    purposes = EVERY_PURPOSE
    channels = EVERY_CHANNEL
    options = ("trait",)
    batch_rows = 2_000  # of 2,500
    batch_bytes = 300_000  # of 500 KB, the context of each message included
    rate = Rate(50, 1.0)
    cost_unit = "tracked users"

    def upsert(self, session: DestinationSession, batch: Batch) -> Result:
        """Identify people with their traits, and as members."""
        return _deliver(
            session, batch, [_message(session, batch, row, is_member=True) for row in batch.rows]
        )

    def remove(self, session: DestinationSession, batch: Batch) -> Result:
        """Identify people as no members any more."""
        return _deliver(
            session, batch, [_message(session, batch, row, is_member=False) for row in batch.rows]
        )

    def invalid(self, row: Row) -> str:
        """A message of over 32 KB would be dropped in silence."""
        size = sum(len(str(value)) for value in row.values.values())
        return "the row is over 32 KB" if size > MESSAGE_BYTES else super().invalid(row)


def _message(
    session: DestinationSession, batch: Batch, row: Row, *, is_member: bool
) -> dict[str, Any]:
    trait = session.option("trait", f"in_{session.sync.name}")
    computation = {
        "computation_class": "audience",
        "computation_key": trait,
        "namespace": "segmentry",
    }
    return {
        "type": "identify",
        "messageId": str(uuid.uuid5(NAMESPACE, f"{batch.request_id}|{row.row_key}")),
        "userId": row.identity,
        "timestamp": datetime.now(UTC).isoformat(),
        "traits": {**given(row, session.sync), trait: is_member},
        "context": {"personas": computation},
    }


def _deliver(session: DestinationSession, batch: Batch, messages: list[dict[str, Any]]) -> Result:
    import orjson

    body = orjson.dumps({"batch": messages, "sentAt": datetime.now(UTC).isoformat()})
    http(session).call("POST", "/v1/batch", content=body)
    return all_sent(batch.rows)


def http(session: DestinationSession) -> Client:
    """The session's client."""
    token = base64.b64encode(f"{session.connection['write_key']}:".encode()).decode()
    headers = {"authorization": f"Basic {token}", "content-type": "application/json"}
    return session.http(headers, DESTINATION.rate)


DESTINATION = SegmentTracking()
