"""Iterable: a list, and the fields of users. A project may make new fields by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from activation.checks._base import (
    BOOLEAN,
    DATE,
    NUMBER,
    TEXT,
    Audience,
    DestinationCheck,
    NoSuchAudience,
)
from activation.destination import DestinationSession
from activation.destinations.iterable import http
from segmentry.sync_config import SyncColumn

_KINDS = {
    "string": TEXT, "boolean": BOOLEAN, "date": DATE, "long": NUMBER, "double": NUMBER,
}  # fmt: skip


class IterableCheck(DestinationCheck):
    """One list."""

    takes_new_fields = True
    can_create = True

    def audience(self, session: DestinationSession) -> Audience:
        """The list, of all that there are."""
        names = {str(one["id"]): one["name"] for one in _lists(session)}
        if (name := names.get(session.connection["list_id"])) is None:
            raise NoSuchAudience
        return Audience(str(name))

    def fields(self, session: DestinationSession) -> Mapping[str, str]:
        """Fields of users. The first value that is ever sent decides a field's type."""
        found = http(session).json("GET", "/api/users/getFields")["fields"]
        return {str(name): _KINDS.get(str(kind), "other") for name, kind in found.items()}

    def field_of(self, session: DestinationSession, column: SyncColumn) -> str | None:
        """A field; the key is the user's name."""
        return None if column.name == session.sync.key else column.name

    def find(self, session: DestinationSession, name: str) -> str | None:
        """The list of that name."""
        return next((str(one["id"]) for one in _lists(session) if one["name"] == name), None)

    def create(self, session: DestinationSession, name: str) -> str:
        """Make a static list."""
        return str(http(session).json("POST", "/api/lists", json={"name": name})["listId"])


def _lists(session: DestinationSession) -> list[dict[str, Any]]:
    return list(http(session).json("GET", "/api/lists")["lists"])


CHECK = IterableCheck()
