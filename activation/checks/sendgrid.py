"""SendGrid: a list, and the custom fields, which the sync's file names by their ids."""

from __future__ import annotations

from collections.abc import Mapping

from activation.checks._base import DATE, NUMBER, TEXT, Audience, DestinationCheck, kinds
from activation.destination import DestinationSession
from activation.destinations.sendgrid import http
from segmentry.sync_config import SyncColumn

_LISTS = "/v3/marketing/lists"


class SendGridCheck(DestinationCheck):
    """One list."""

    can_create = True

    def audience(self, session: DestinationSession) -> Audience:
        """The list."""
        found = http(session).json("GET", f"{_LISTS}/{session.connection['list_id']}")
        return Audience(str(found["name"]))

    def fields(self, session: DestinationSession) -> Mapping[str, str]:
        """Custom fields by their ids."""
        found = http(session).json("GET", "/v3/marketing/field_definitions")
        known = {"text": TEXT, "number": NUMBER, "date": DATE}
        return kinds(found.get("custom_fields") or [], "id", "field_type", known)

    def field_of(self, session: DestinationSession, column: SyncColumn) -> str | None:
        """The id of the custom field; a reserved field exists everywhere."""
        found = session.option("custom_fields", {}).get(column.name)
        return None if found is None else str(found)

    def find(self, session: DestinationSession, name: str) -> str | None:
        """The list of that name."""
        found = http(session).json("GET", _LISTS, params={"page_size": 1000})
        return next((str(one["id"]) for one in found["result"] if one["name"] == name), None)

    def create(self, session: DestinationSession, name: str) -> str:
        """Make a list."""
        return str(http(session).json("POST", _LISTS, json={"name": name})["id"])


CHECK = SendGridCheck()
