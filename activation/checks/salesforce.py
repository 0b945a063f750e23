"""Salesforce: a campaign, and the fields of contacts or leads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from activation.campaigns import API
from activation.checks._base import (
    BOOLEAN,
    DATE,
    NUMBER,
    TEXT,
    Audience,
    DestinationCheck,
    kinds,
)
from activation.destination import DestinationSession
from activation.salesforce_client import http
from segmentry.sync_config import SyncColumn

_KINDS = {
    "boolean": BOOLEAN, "date": DATE, "datetime": DATE,
    **dict.fromkeys(("double", "int", "currency", "percent"), NUMBER),
    **dict.fromkeys(("string", "email", "phone", "textarea", "url", "id", "reference"), TEXT),
}  # fmt: skip


class SalesforceCheck(DestinationCheck):
    """One campaign."""

    setting = "campaign_id"
    word = "campaign"
    can_create = True
    dry_answer: ClassVar[Any] = {"id": "JOB"}

    def audience(self, session: DestinationSession) -> Audience:
        """The campaign."""
        path = f"{API}/sobjects/Campaign/{session.connection['campaign_id']}"
        found = http(session).json("GET", path)
        return Audience(str(found["Name"]))

    def fields(self, session: DestinationSession) -> Mapping[str, str]:
        """Fields of the object that can be written."""
        kind = session.option("object", "Contact")
        found = http(session).json("GET", f"{API}/sobjects/{kind}/describe")["fields"]
        return kinds([one for one in found if one.get("updateable", True)], "name", "type", _KINDS)

    def field_of(self, session: DestinationSession, column: SyncColumn) -> str:
        """The key goes to the field of options/external_id."""
        is_key = column.name == session.sync.key
        return str(session.option("external_id")) if is_key else column.name

    def find(self, session: DestinationSession, name: str) -> str | None:
        """The campaign of that name."""
        quoted = name.replace("\\", "\\\\").replace("'", "\\'")
        query = {"q": f"SELECT Id FROM Campaign WHERE Name = '{quoted}' LIMIT 1"}
        found = http(session).json("GET", f"{API}/query", params=query)
        return next((str(one["Id"]) for one in found["records"]), None)

    def create(self, session: DestinationSession, name: str) -> str:
        """Make an active campaign."""
        body = {"Name": name, "IsActive": True}
        return str(http(session).json("POST", f"{API}/sobjects/Campaign", json=body)["id"])


CHECK = SalesforceCheck()
