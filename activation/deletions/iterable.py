"""Iterable: DELETE of each user, which it carries out later.

``/users/forget`` is not used: it takes 1,000 a day, and a tombstone here keeps the person out.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import quote

from activation.client import RequestRefused
from activation.deletion import Deletion, Receipt
from activation.destination import DestinationSession
from activation.destinations.iterable import http
from activation.model import Batch, Row


class IterableDeletion(Deletion):
    """Users of one project."""

    def request(self, session: DestinationSession, batch: Batch) -> list[Receipt]:
        """Delete the users one by one."""
        return [Receipt(row, _delete(session, row)) for row in batch.rows]

    def present(self, session: DestinationSession, rows: Collection[Row]) -> set[str]:
        """Those who are users."""
        return {row.identity for row in rows if _is_user(session, row)}


def _path(session: DestinationSession, row: Row) -> str:
    by_id = "byUserId/" if session.option("identifier", "email") == "userId" else ""
    return f"/api/users/{by_id}{quote(row.identity, safe='')}"


def _delete(session: DestinationSession, row: Row) -> str:
    try:
        answer = http(session).json("DELETE", _path(session, row))
    except RequestRefused as refusal:
        if refusal.status != 404:
            raise
        return "no such user"
    return "deleted" if answer.get("code") == "Success" else "deletion taken"


def _is_user(session: DestinationSession, row: Row) -> bool:
    try:
        return bool(http(session).json("GET", _path(session, row)).get("user"))
    except RequestRefused as refusal:
        if refusal.status not in (400, 404):
            raise
        return False


DELETION = IterableDeletion()
