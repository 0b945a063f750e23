"""Mailchimp: delete-permanent of each member of the audience, whose address can never be imported
again.
"""

from __future__ import annotations

from collections.abc import Collection

from activation.client import RequestRefused
from activation.deletion import Deletion, Receipt
from activation.destination import DestinationSession
from activation.destinations.mailchimp import http
from activation.hashing import mailchimp_key
from activation.model import Batch, Row


class MailchimpDeletion(Deletion):
    """Members of one audience."""

    def request(self, session: DestinationSession, batch: Batch) -> list[Receipt]:
        """Delete the members one by one."""
        return [Receipt(row, _delete(session, row)) for row in batch.rows]

    def present(self, session: DestinationSession, rows: Collection[Row]) -> set[str]:
        """Those who are members, archived ones too."""
        return {row.identity for row in rows if _is_member(session, row)}


def _member(session: DestinationSession, row: Row) -> str:
    return f"/lists/{session.connection['list_id']}/members/{mailchimp_key(row.identity)}"


def _delete(session: DestinationSession, row: Row) -> str:
    try:
        http(session).call("POST", f"{_member(session, row)}/actions/delete-permanent")
    except RequestRefused as refusal:
        if refusal.status not in (404, 405):  # 405: a member who was deleted before
            raise
        return "no such member"
    return "deleted for ever"


def _is_member(session: DestinationSession, row: Row) -> bool:
    try:
        http(session).call("GET", _member(session, row), params={"fields": "id"})
    except RequestRefused as refusal:
        if refusal.status != 404:
            raise
        return False
    return True


DELETION = MailchimpDeletion()
