"""HubSpot: a manual list, and properties of contacts."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from activation.checks._base import (
    BOOLEAN,
    DATE,
    NUMBER,
    TEXT,
    Audience,
    DestinationCheck,
    kinds,
)
from activation.client import RequestRefused
from activation.destination import DestinationSession
from activation.destinations.hubspot import http

_KINDS = {
    "string": TEXT, "phone_number": TEXT, "number": NUMBER, "bool": BOOLEAN, "date": DATE,
    "datetime": DATE,
}  # fmt: skip


class HubSpotCheck(DestinationCheck):
    """One manual list."""

    can_create = True

    def audience(self, session: DestinationSession) -> Audience:
        """The list; one that HubSpot fills itself takes nobody."""
        path = f"/crm/v3/lists/{session.connection['list_id']}"
        found = http(session).json("GET", path)["list"]
        is_manual = found["processingType"] in ("MANUAL", "SNAPSHOT")
        return Audience(found["name"], "" if is_manual else "HubSpot fills it by a rule")

    def fields(self, session: DestinationSession) -> Mapping[str, str]:
        """Properties of contacts."""
        found = http(session).json("GET", "/crm/v3/properties/contacts")["results"]
        return kinds(found, "name", "type", _KINDS)

    def find(self, session: DestinationSession, name: str) -> str | None:
        """The list of that name."""
        path = f"/crm/v3/lists/object-type-id/0-1/name/{quote(name, safe='')}"
        try:
            return str(http(session).json("GET", path)["list"]["listId"])
        except RequestRefused as refusal:
            if refusal.status == 404:
                return None
            raise

    def create(self, session: DestinationSession, name: str) -> str:
        """Make a manual list."""
        body = {"name": name, "objectTypeId": "0-1", "processingType": "MANUAL"}
        return str(http(session).json("POST", "/crm/v3/lists", json=body)["list"]["listId"])


CHECK = HubSpotCheck()
