"""Optimizely Data Platform: customer attributes, with one for being in the audience.

``attribute`` names it (default ``in_<sync>``). Its lists are marketing subscriptions: the sync
never changes them. A request is refused as a whole for one bad row, and is then halved until that
row is alone. 202 means queued.
"""

from __future__ import annotations

from typing import Any

from activation.client import Client, Rate
from activation.destination import Destination, DestinationSession, PlaceNames, given
from activation.model import Batch, Result, all_sent


class OptimizelyOdp(Destination):
    """One ODP account."""

    settings = ("url", "api_key")
    optional_settings = ("requester",)  # who asks for deletions
    place = PlaceNames(("url", "api_key"), ("url", "api_key"), {"attribute": "in_{sync}"})
    purposes = ("marketing", "personalization", "analytics")
    channels = ("email", "sms", "push", "any")
    options = ("attribute",)
    batch_rows = 500
    rate = Rate(10, 1.0)
    cost_unit = "profiles"

    def upsert(self, session: DestinationSession, batch: Batch) -> Result:
        """Write the attributes, and that the person is in the audience."""
        flag = {_attribute(session): True}
        return _deliver(
            session, batch, [{**given(row, session.sync), **flag} for row in batch.rows]
        )

    def remove(self, session: DestinationSession, batch: Batch) -> Result:
        """Write that the person is not in the audience."""
        left = [{session.sync.key: row.identity, _attribute(session): False} for row in batch.rows]
        return _deliver(session, batch, left)


def _attribute(session: DestinationSession) -> str:
    return str(session.option("attribute", f"in_{session.sync.name}"))


def _deliver(session: DestinationSession, batch: Batch, people: list[dict[str, Any]]) -> Result:
    http(session).call(
        "POST", "/v3/profiles", json=[{"attributes": attributes} for attributes in people]
    )
    return all_sent(batch.rows)


def http(session: DestinationSession) -> Client:
    """The session's client."""
    return session.http({"x-api-key": session.connection["api_key"]}, DESTINATION.rate)


DESTINATION = OptimizelyOdp()
