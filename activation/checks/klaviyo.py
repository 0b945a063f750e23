"""Klaviyo: a list. Properties of profiles take any name."""

from __future__ import annotations

from activation.checks._base import Audience, DestinationCheck
from activation.destination import DestinationSession
from activation.destinations.klaviyo import http


class KlaviyoCheck(DestinationCheck):
    """One list."""

    can_create = True

    def audience(self, session: DestinationSession) -> Audience:
        """The list."""
        answer = http(session).json("GET", f"/api/lists/{session.connection['list_id']}")
        return Audience(str(answer["data"]["attributes"]["name"]))

    def find(self, session: DestinationSession, name: str) -> str | None:
        """The list of that name."""
        wanted = name.replace('"', "")
        found = http(session).json(
            "GET", "/api/lists", params={"filter": f'equals(name,"{wanted}")'}
        )
        return next((str(one["id"]) for one in found["data"]), None)

    def create(self, session: DestinationSession, name: str) -> str:
        """Make a list; how people opt in there stays the account's default."""
        body = {"data": {"type": "list", "attributes": {"name": name}}}
        return str(http(session).json("POST", "/api/lists", json=body)["data"]["id"])


CHECK = KlaviyoCheck()
