"""Braze: user attributes, with one boolean attribute for being in the audience.

``attribute`` names it (default ``in_<sync>``); ``identifier`` is external_id (default) or email.
Subscription states are never written. Removing sets the attribute to false and creates nobody; nor
does the mode ``update``. A changed row is sent with every mapped attribute, each of which Braze
counts as a data point; the bulk endpoint is not used.
"""

from __future__ import annotations

from typing import Any

from activation.client import Client, Rate
from activation.destination import Destination, DestinationSession, PlaceNames, by_index, given
from activation.model import Batch, Result, Row, RowOutcome, Status
from activation.redact import clean
from segmentry.errors import ConfigError
from segmentry.sync_config import SyncConfig


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
    options = ("attribute", "identifier")
    batch_rows = 75
    rate = Rate(3_000, 3.0)
    cost_unit = "data points"
    updates_only = True

    def upsert(self, session: DestinationSession, batch: Batch) -> Result:
        """Set the attributes, and that the person is in the audience."""
        only = {"_update_existing_only": True} if session.sync.mode == "update" else {}
        flag = {_attribute(session): True, **only}
        users = [{**_user(session, row), **_values(session, row), **flag} for row in batch.rows]
        return _track(session, batch, users)

    def remove(self, session: DestinationSession, batch: Batch) -> Result:
        """Set that the person is not in the audience."""
        left = {_attribute(session): False, "_update_existing_only": True}
        return _track(session, batch, [{**_user(session, row), **left} for row in batch.rows])

    def check(self, sync: SyncConfig) -> None:
        """Check that the identifier exists."""
        super().check(sync)
        if sync.options.get("identifier", "external_id") not in ("external_id", "email"):
            raise ConfigError(
                f"{sync.path}: options/identifier is '{sync.options['identifier']}'",
                allowed="external_id, email",
                remedy="use one of these",
            )


def _attribute(session: DestinationSession) -> str:
    return str(session.option("attribute", f"in_{session.sync.name}"))


def _user(session: DestinationSession, row: Row) -> dict[str, Any]:
    return {session.option("identifier", "external_id"): row.identity}


def _values(session: DestinationSession, row: Row) -> dict[str, Any]:
    values = given(row, session.sync)
    return {
        name: value for name, value in values.items() if name != session.sync.key or name == "email"
    }


def _track(session: DestinationSession, batch: Batch, users: list[dict[str, Any]]) -> Result:
    answer = http(session).json("POST", "/users/track", json={"attributes": users})
    errors = {
        int(error["index"]): clean(error.get("type", "refused"))
        for error in answer.get("errors", [])
        if error.get("input_array") == "attributes" and "index" in error
    }
    taken = answer.get("attributes_processed", len(batch.rows) - len(errors))
    if taken < len(batch.rows) - len(errors):
        reason = "fewer were processed than were accepted"
        return [
            o if o.reason else RowOutcome(o.row, Status.retry, reason)
            for o in by_index(batch, errors)
        ]
    return by_index(batch, errors)


def http(session: DestinationSession) -> Client:
    """The session's client."""
    return session.http(
        {"authorization": f"Bearer {session.connection['api_key']}"}, DESTINATION.rate
    )


DESTINATION = Braze()
