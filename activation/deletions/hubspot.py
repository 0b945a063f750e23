"""HubSpot: gdpr-delete of each contact by its record id.

HubSpot blocks the address of an unknown contact for the future, so only contacts that are there are
deleted.
"""

from __future__ import annotations

from collections.abc import Collection

from activation.client import RequestRefused
from activation.deletion import Deletion, Receipt
from activation.destination import DestinationSession
from activation.destinations.hubspot import http
from activation.hubspot_lists import record_ids
from activation.model import Batch, Row

DELETE = "/crm/v3/objects/contacts/gdpr-delete"


class HubSpotDeletion(Deletion):
    """Contacts of one account."""

    def request(self, session: DestinationSession, batch: Batch) -> list[Receipt]:
        """Delete the contacts one by one."""
        receipts = []
        for row in batch.rows:
            found = {*record_ids(http(session), session, [row])}
            if row.destination_id:
                found.add(row.destination_id)
            for record in sorted(found):
                _delete(session, record)
            receipts.append(Receipt(row, f"{len(found)} contact(s) deleted"))
        return receipts

    def present(self, session: DestinationSession, rows: Collection[Row]) -> set[str]:
        """Those who are contacts."""
        return {row.identity for row in rows if record_ids(http(session), session, [row])}


def _delete(session: DestinationSession, record: str) -> None:
    try:
        http(session).call("POST", DELETE, json={"objectId": record})
    except RequestRefused as refusal:
        if refusal.status != 404:  # it was deleted or merged into another one
            raise


DELETION = HubSpotDeletion()
