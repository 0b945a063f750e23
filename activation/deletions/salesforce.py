"""Salesforce: contacts or leads are deleted by their record ids, and their campaign memberships
with them. Salesforce keeps a deleted record in its recycle bin for 15 days.
"""

from __future__ import annotations

from collections.abc import Collection

from activation import campaigns
from activation.deletion import Deletion, Receipt, among
from activation.destination import DestinationSession
from activation.model import Batch, Row
from activation.salesforce_client import http


class SalesforceDeletion(Deletion):
    """Records of one organization."""

    def request(self, session: DestinationSession, batch: Batch) -> list[Receipt]:
        """Delete the records that exist."""
        found = campaigns.people(http(session), session, [row.identity for row in batch.rows])
        kept = campaigns.delete(http(session), sorted(found))
        left = {key for record, key in found.items() if record in kept}
        return [
            Receipt(row, "not deleted" if row.identity in left else "deleted",
                    is_refused=row.identity in left)
            for row in batch.rows
        ]  # fmt: skip

    def present(self, session: DestinationSession, rows: Collection[Row]) -> set[str]:
        """Those who have a record."""
        found: list[str] = []
        identities = [row.identity for row in rows]
        for start in range(0, len(identities), self.batch_rows):
            page = identities[start : start + self.batch_rows]
            found += campaigns.people(http(session), session, page).values()
        return among(rows, found)


DELETION = SalesforceDeletion()
