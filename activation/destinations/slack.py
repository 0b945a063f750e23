"""Slack: a notice of how many people entered, changed and left, to one channel. No person is named.

Slack does not recognize a repetition: when an answer is lost, the notice is not sent again and
its rows are ``unknown``.
"""

from __future__ import annotations

from collections import Counter

import httpx

from activation.client import Client, Rate, decoded, retry_after
from activation.destination import (
    EVERY_CHANNEL,
    EVERY_PURPOSE,
    Destination,
    DestinationSession,
    PlaceNames,
)
from activation.model import Batch, Operation, Result, all_sent
from activation.redact import clean
from segmentry.errors import DestinationError

WORDS = {Operation.add: "entered", Operation.update: "changed", Operation.remove: "left"}


class Slack(Destination):
    """One Slack channel."""

    settings = ("url", "token", "channel")
    place = PlaceNames(("url", "channel"), ("url", "token"))
    names_syncs = True
    forms = "none are sent"
    purposes = EVERY_PURPOSE
    channels = EVERY_CHANNEL
    batch_rows = 1_000_000  # one notice for all
    batch_bytes = 1_000_000_000
    rate = Rate(1, 1.0)
    cost_unit = "messages"
    is_repeatable = False
    grains = ("profile", "membership", "transition")

    def upsert(self, session: DestinationSession, batch: Batch) -> Result:
        """Post how many entered and changed."""
        return _post(session, batch)

    def remove(self, session: DestinationSession, batch: Batch) -> Result:
        """Post how many left."""
        return _post(session, batch)


def _post(session: DestinationSession, batch: Batch) -> Result:
    counts = Counter(row.operation for row in batch.rows)
    counted = ", ".join(
        f"{counts[operation]:,} {word}" for operation, word in WORDS.items() if counts[operation]
    )
    body = {"channel": session.connection["channel"], "text": f"{session.sync.name}: {counted}"}
    answer = http(session).json("POST", "/api/chat.postMessage", json=body)
    if not answer.get("ok"):
        raise DestinationError(
            f"Slack refused the notice: {clean(answer.get('error', 'no reason given'))}",
            allowed="a channel the token may write to",
            remedy="check the channel and the token's rights",
        )
    return all_sent(batch.rows)


def throttled(response: httpx.Response) -> float | None:
    """Slack may answer 'ratelimited' with status 200."""
    content = decoded(response)
    if isinstance(content, dict) and content.get("error") == "ratelimited":
        return retry_after(response.headers) or 1.0
    return None


def http(session: DestinationSession) -> Client:
    """The session's client."""
    headers = {"authorization": f"Bearer {session.connection['token']}"}
    return session.http(headers, DESTINATION.rate, throttled=throttled, is_repeatable=False)


DESTINATION = Slack()
