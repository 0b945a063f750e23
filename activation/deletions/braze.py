"""Braze: /users/delete, by external id or, where the sync names people by address, by Braze's own
ids, which /users/export/ids gives.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from activation.deletion import Deletion, Receipt, all_taken, among
from activation.destination import DestinationSession
from activation.destinations.braze import http
from activation.model import Batch, Row


class BrazeDeletion(Deletion):
    """Users of one workspace. The key needs the rights users.delete and users.export.ids."""

    batch_rows = 50

    def request(self, session: DestinationSession, batch: Batch) -> list[Receipt]:
        """Delete the users that exist."""
        ids = [user["braze_id"] for user in _users(session, batch.rows) if user.get("braze_id")]
        deleted = 0
        for start in range(0, len(ids), 50):
            body = {"braze_ids": ids[start : start + 50]}
            deleted += int(http(session).json("POST", "/users/delete", json=body)["deleted"])
        return all_taken(batch.rows, f"{deleted} user(s) deleted in one request")

    def present(self, session: DestinationSession, rows: Collection[Row]) -> set[str]:
        """Those who are users."""
        name = _identifier(session)
        return among(rows, (str(user.get(name) or "") for user in _users(session, rows)))


def _identifier(session: DestinationSession) -> str:
    return str(session.option("identifier", "external_id"))


def _users(session: DestinationSession, rows: Collection[Row]) -> list[dict[str, Any]]:
    name = _identifier(session)
    fields = {"fields_to_export": ["braze_id", "external_id", "email"]}
    found: list[dict[str, Any]] = []
    identities = [row.identity for row in rows]
    if name == "external_id":
        for start in range(0, len(identities), 50):
            body = {"external_ids": identities[start : start + 50], **fields}
            found += http(session).json("POST", "/users/export/ids", json=body).get("users", [])
        return found
    for identity in identities:
        one = {"email_address": identity, **fields}
        found += http(session).json("POST", "/users/export/ids", json=one).get("users", [])
    return found


DELETION = BrazeDeletion()
