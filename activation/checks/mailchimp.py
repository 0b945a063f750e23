"""Mailchimp: a static segment of an audience, and the audience's merge fields."""

from __future__ import annotations

from collections.abc import Mapping

from activation.checks._base import DATE, NUMBER, TEXT, Audience, DestinationCheck, kinds
from activation.destination import DestinationSession
from activation.destinations.mailchimp import http
from segmentry.sync_config import SyncColumn

_KINDS = {
    "number": NUMBER, "date": DATE,
    **dict.fromkeys(("text", "phone", "url", "imageurl", "zip", "radio", "dropdown"), TEXT),
}  # fmt: skip


class MailchimpCheck(DestinationCheck):
    """One static segment."""

    setting = "segment_id"
    word = "segment"
    can_create = True

    def audience(self, session: DestinationSession) -> Audience:
        """The segment, of the audience ``list_id``."""
        path = f"{_list(session)}/segments/{session.connection['segment_id']}"
        found = http(session).json("GET", path)
        fault = "" if found.get("type", "static") == "static" else "Mailchimp fills it by a rule"
        return Audience(str(found["name"]), fault)

    def fields(self, session: DestinationSession) -> Mapping[str, str]:
        """Merge fields by their tags."""
        found = http(session).json("GET", f"{_list(session)}/merge-fields", params={"count": 1000})
        return kinds(found["merge_fields"], "tag", "type", _KINDS)

    def field_of(self, session: DestinationSession, column: SyncColumn) -> str | None:
        """The tag; the key is the member's address."""
        return None if column.name == session.sync.key else column.name.upper()

    def find(self, session: DestinationSession, name: str) -> str | None:
        """The static segment of that name."""
        asked = {"count": 1000, "type": "static", "fields": "segments.id,segments.name"}
        found = http(session).json("GET", f"{_list(session)}/segments", params=asked)
        return next((str(one["id"]) for one in found["segments"] if one["name"] == name), None)

    def create(self, session: DestinationSession, name: str) -> str:
        """Make an empty static segment."""
        body = {"name": name, "static_segment": []}
        return str(http(session).json("POST", f"{_list(session)}/segments", json=body)["id"])


def _list(session: DestinationSession) -> str:
    return f"/lists/{session.connection['list_id']}"


CHECK = MailchimpCheck()
