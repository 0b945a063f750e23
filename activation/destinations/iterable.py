"""Iterable: users and one static list.

A list call carries the users' fields along. Removing takes them off the list and states that no
channel is unsubscribed; the subscription endpoints are never called.
"""

from __future__ import annotations

from typing import Any

from activation.client import Client, Rate
from activation.destination import Destination, DestinationSession, PlaceNames, given
from activation.model import Batch, Result, Row, RowOutcome, Status
from segmentry.errors import ConfigError
from segmentry.sync_config import SyncConfig

# An address that is bad is named in an answer of status 200.
REQUEST_ERRORS = frozenset(
    {"BadApiKey", "BadAuthorizationHeader", "BadJsonBody", "ForbiddenParamsError", "UnknownListId",
     "InvalidListId", "NotFound", "JwtUserIdMismatched"}
)  # fmt: skip
REFUSALS = ("invalid", "notFound", "invalidData", "conflict", "forgotten")


class Iterable(Destination):
    """One Iterable list."""

    settings = ("url", "api_key", "list_id")
    optional_settings = ("account",)  # its own name, so that a new key is no other account
    place = PlaceNames(("url", "api_key", "list_id"), ("url", "api_key"), {"identifier": "email"})
    request_errors = REQUEST_ERRORS
    purposes = ("marketing",)
    channels = ("email", "sms", "push", "any")
    options = ("identifier",)
    batch_rows = 1_000
    batch_bytes = 3_500_000  # of 4 MB
    rate = Rate(5, 1.0)
    cost_unit = "users"

    def upsert(self, session: DestinationSession, batch: Batch) -> Result:
        """Put the users, with their fields, on the list."""
        key = session.option("identifier", "email")
        subscribers = [
            {
                key: row.identity,
                "dataFields": {n: v for n, v in given(row, session.sync).items() if n != key},
            }
            for row in batch.rows
        ]
        return _change_list(session, batch, "subscribe", subscribers)

    def remove(self, session: DestinationSession, batch: Batch) -> Result:
        """Remove the users from the list. A user that Iterable does not know is not on it."""
        key = session.option("identifier", "email")
        people = [{key: row.identity} for row in batch.rows]
        outcomes = _change_list(session, batch, "unsubscribe", people, channelUnsubscribe=False)
        return [o if o.status is Status.retry else RowOutcome(o.row, Status.sent) for o in outcomes]

    def check(self, sync: SyncConfig) -> None:
        """Check that the identifier exists."""
        super().check(sync)
        if sync.options.get("identifier", "email") not in ("email", "userId"):
            raise ConfigError(
                f"{sync.path}: options/identifier is '{sync.options['identifier']}'",
                allowed="email, userId",
                remedy="use one of these",
            )


def _change_list(
    session: DestinationSession,
    batch: Batch,
    change: str,
    subscribers: list[dict[str, Any]],
    **more: Any,
) -> list[RowOutcome]:
    body = {"listId": int(session.connection["list_id"]), "subscribers": subscribers, **more}
    answer = http(session).json("POST", f"/api/lists/{change}", json=body)
    named = {**answer, **(answer.get("failedUpdates") or {})}
    refused = {
        str(identity).lower(): reason
        for reason in REFUSALS
        for kind in ("Emails", "UserIds")
        for identity in named.get(f"{reason}{kind}", [])
    }
    outcomes = [_outcome(row, refused) for row in batch.rows]
    if answer.get("failCount", 0) > sum(outcome.status is Status.rejected for outcome in outcomes):
        return [
            o if o.reason else RowOutcome(o.row, Status.retry, "refusals are counted, not named")
            for o in outcomes
        ]
    return outcomes


def _outcome(row: Row, refused: dict[str, str]) -> RowOutcome:
    reason = refused.get(row.identity.lower())
    return RowOutcome(row, Status.rejected, reason) if reason else RowOutcome(row, Status.sent)


def http(session: DestinationSession) -> Client:
    """The session's client."""
    return session.http({"api-key": session.connection["api_key"]}, DESTINATION.rate)


DESTINATION = Iterable()
