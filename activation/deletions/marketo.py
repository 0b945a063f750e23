"""Marketo: people are deleted by their ids."""

from __future__ import annotations

from collections.abc import Collection

from activation.deletion import Deletion, Receipt, all_taken
from activation.destination import DestinationSession
from activation.destinations.marketo import answer_of, ids_of
from activation.model import Batch, Row

DELETE = "/rest/v1/leads/delete.json"


class MarketoDeletion(Deletion):
    """People of one instance."""

    def request(self, session: DestinationSession, batch: Batch) -> list[Receipt]:
        """Delete the people who exist: the ids of who was merged are looked up by the key."""
        known = {row.destination_id for row in batch.rows if row.destination_id}
        found = sorted({*known, *ids_of(session, [row.identity for row in batch.rows])})
        deleted = 0
        if found:
            body = {"input": [{"id": int(lead)} for lead in found]}
            results = answer_of(session, "POST", DELETE, json=body)
            deleted = sum(one.get("status") == "deleted" for one in results)
        return all_taken(batch.rows, f"{deleted} of {len(found)} found deleted in one request")

    def present(self, session: DestinationSession, rows: Collection[Row]) -> set[str]:
        """Those who are there."""
        return {row.identity for row in rows if ids_of(session, [row.identity])}


DELETION = MarketoDeletion()
