"""SendGrid Marketing: contacts are deleted by their ids, as a job. A suppression of the address
stays there, so that nobody is mailed again.
"""

from __future__ import annotations

from collections.abc import Collection

from activation.deletion import Deletion, Receipt, all_taken, among, receipt_id
from activation.destination import DestinationSession
from activation.destinations.sendgrid import CONTACTS, contacts_of, http
from activation.model import Batch, Row


class SendGridDeletion(Deletion):
    """Contacts of one account."""

    def request(self, session: DestinationSession, batch: Batch) -> list[Receipt]:
        """Delete the contacts that exist."""
        found = contacts_of(session, [row.identity for row in batch.rows])
        if not found:
            return all_taken(batch.rows, "no such contact")
        params = {"ids": ",".join(sorted(found.values()))}
        answer = http(session).json("DELETE", CONTACTS, params=params)
        return all_taken(batch.rows, f"job {receipt_id(answer.get('job_id') or 'without an id')}")

    def present(self, session: DestinationSession, rows: Collection[Row]) -> set[str]:
        """Those who are contacts."""
        identities = [row.identity for row in rows]
        found: list[str] = []
        for start in range(0, len(identities), self.batch_rows):
            found += contacts_of(session, identities[start : start + self.batch_rows])
        return among(rows, found)


DELETION = SendGridDeletion()
