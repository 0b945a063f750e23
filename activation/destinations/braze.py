"""Braze: user attributes, with one boolean attribute for being in the audience.

``attribute`` names it (default ``in_<sync>``); ``identifier`` is external_id (default) or email.
Subscription states are never written. Removing sets the attribute to false and creates nobody; nor
does the mode ``update``. Braze charges for each attribute of a request, changed or not: an update
has those alone that changed since they were acknowledged, and nothing is sent for a row of which
none is left; a full resync sends all. ``bulk: true`` takes the endpoint for 1,000 users at once,
for which Braze has to admit the workspace, and the key needs its permission.
"""

from __future__ import annotations

from typing import Any

from activation.client import Client, Rate
from activation.destination import Destination, DestinationSession, PlaceNames, by_index, given
from activation.model import Batch, Result, Row, RowOutcome, Status, all_sent
from activation.redact import clean
from segmentry.errors import ConfigError
from segmentry.sync_config import SyncConfig

BULK_ROWS = 1_000
BULK_RATE = Rate(50, 1.0)


class Braze(Destination):
    """One Braze workspace."""

    settings = ("url", "api_key")
    optional_settings = ("account",)  # its own name, so that a new key is no other account
    place = PlaceNames(
        ("url", "api_key"),
        ("url", "api_key"),
        {"attribute": "in_{sync}", "identifier": "external_id"},
    )
    purposes = ("marketing", "personalization")
    channels = ("email", "sms", "push", "any")
    options = ("attribute", "identifier", "bulk")
    batch_rows = 75
    batch_bytes = 1_800_000  # of 2 MB of a bulk request
    rate = Rate(3_000, 3.0)
    cost_unit = "data points"
    updates_only = True
    sends_changes = True

    def rows_of_request(self, sync: SyncConfig) -> int:
        """75 users, or 1,000 by the bulk endpoint."""
        return BULK_ROWS if sync.options.get("bulk") else self.batch_rows

    def upsert(self, session: DestinationSession, batch: Batch) -> Result:
        """Set the attributes that the person does not have yet."""
        only = {"_update_existing_only": True} if session.sync.mode == "update" else {}
        wanted = [(row, _attributes(session, row)) for row in batch.rows]
        users = [(row, {**_user(session, row), **new, **only}) for row, new in wanted if new]
        outcomes = all_sent([row for row, new in wanted if not new])
        return [*outcomes, *_track(session, users)] if users else outcomes

    def remove(self, session: DestinationSession, batch: Batch) -> Result:
        """Set that the person is not in the audience."""
        left = {_attribute(session): False, "_update_existing_only": True}
        return _track(session, [(row, {**_user(session, row), **left}) for row in batch.rows])

    def check(self, sync: SyncConfig) -> None:
        """Check that the identifier and the endpoint exist."""
        super().check(sync)
        for option, allowed in (("identifier", ("external_id", "email")), ("bulk", (False, True))):
            value = sync.options.get(option, allowed[0])
            if value not in allowed or isinstance(value, bool) != isinstance(allowed[0], bool):
                raise ConfigError(
                    f"{sync.path}: options/{option} is '{value}'",
                    allowed=", ".join(str(one).lower() for one in allowed),
                    remedy="use one of these",
                )


def _attribute(session: DestinationSession) -> str:
    return str(session.option("attribute", f"in_{session.sync.name}"))


def _user(session: DestinationSession, row: Row) -> dict[str, Any]:
    return {session.option("identifier", "external_id"): row.identity}


def _attributes(session: DestinationSession, row: Row) -> dict[str, Any]:
    key = session.sync.key
    values = {n: v for n, v in given(row, session.sync).items() if n != key or n == "email"}
    if row.changed is None:
        return {**values, _attribute(session): True}
    return {name: value for name, value in values.items() if name in row.changed}


def _track(
    session: DestinationSession, users: list[tuple[Row, dict[str, Any]]]
) -> list[RowOutcome]:
    rows = Batch("", [row for row, _ in users])
    path = "/users/track/bulk" if session.option("bulk") else "/users/track"
    body = {"attributes": [user for _, user in users]}
    answer = http(session).json("POST", path, json=body)
    errors = {
        int(error["index"]): clean(error.get("type", "refused"))
        for error in answer.get("errors", [])
        if error.get("input_array") == "attributes" and "index" in error
    }
    taken = answer.get("attributes_processed", len(users) - len(errors))
    if taken < len(users) - len(errors):
        reason = "fewer were processed than were accepted"
        return [
            o if o.reason else RowOutcome(o.row, Status.retry, reason)
            for o in by_index(rows, errors)
        ]
    return by_index(rows, errors)


def http(session: DestinationSession) -> Client:
    """The session's client."""
    rate = BULK_RATE if session.option("bulk") else DESTINATION.rate
    return session.http({"authorization": f"Bearer {session.connection['api_key']}"}, rate)


DESTINATION = Braze()
