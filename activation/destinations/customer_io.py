"""Customer.io: people and one manual segment, Track API.

``id_type`` is the type of the key: id (default) or email. People are written first, as a segment
ignores ids it does not know. The attributes ``unsubscribed`` and the subscription preferences are
never written.
"""

from __future__ import annotations

import base64

from activation import refusals
from activation.client import Client, Rate
from activation.destination import Destination, DestinationSession, PlaceNames, by_index, given
from activation.model import Batch, Result, Status, all_sent
from activation.redact import clean
from segmentry.errors import ConfigError
from segmentry.sync_config import SyncConfig


class CustomerIo(Destination):
    """One Customer.io segment."""

    settings = ("url", "site_id", "api_key", "segment_id")
    place = PlaceNames(("url", "site_id", "segment_id"), ("url", "site_id"), {"id_type": "id"})
    purposes = ("marketing", "personalization")
    channels = ("email", "sms", "push", "any")
    options = ("id_type",)
    batch_rows = 500  # of the 1,000 a segment call takes
    batch_bytes = 450_000  # of 500 KB
    rate = Rate(100, 1.0)
    cost_unit = "profiles"

    def requests_of(self, rows: int, *, is_removal: bool) -> int:
        """The people, then the segment."""
        return 1 if is_removal else 2

    def upsert(self, session: DestinationSession, batch: Batch) -> Result:
        """Write the people, then put those that were taken into the segment."""
        kind = session.option("id_type", "id")
        people = [
            {
                "type": "person",
                "action": "identify",
                "identifiers": {kind: row.identity},
                "attributes": {n: v for n, v in given(row, session.sync).items() if n != kind},
            }
            for row in batch.rows
        ]
        answer = http(session).json("POST", "/api/v2/batch", json={"batch": people})
        errors = {
            int(error["batch_index"]): clean(
                f"{error.get('reason', 'refused')}: {error.get('field', '')}"
            )
            for error in answer.get("errors", [])
        }
        outcomes = by_index(batch, errors)
        taken = [outcome.row.identity for outcome in outcomes if outcome.status is Status.sent]
        if taken:
            _change_segment(session, "add_customers", taken)
        return outcomes

    def remove(self, session: DestinationSession, batch: Batch) -> Result:
        """Take the people out of the segment."""
        _change_segment(session, "remove_customers", [row.identity for row in batch.rows])
        return all_sent(batch.rows)

    def check(self, sync: SyncConfig) -> None:
        """Check that a segment takes the type of id."""
        super().check(sync)
        if sync.options.get("id_type", "id") not in ("id", "email"):
            raise ConfigError(
                f"{sync.path}: options/id_type is '{sync.options['id_type']}'",
                allowed="id, email",
                remedy="use one of these",
            )


def _change_segment(session: DestinationSession, change: str, ids: list[str]) -> None:
    path = f"/api/v1/segments/{session.connection['segment_id']}/{change}"
    params = {"id_type": session.option("id_type", "id")}
    with refusals.of_no_person():
        http(session).call("POST", path, params=params, json={"ids": ids})


def http(session: DestinationSession) -> Client:
    """The session's client."""
    pair = f"{session.connection['site_id']}:{session.connection['api_key']}"
    token = base64.b64encode(pair.encode()).decode()
    return session.http({"authorization": f"Basic {token}"}, DESTINATION.rate)


DESTINATION = CustomerIo()
