"""A receiver of one's own: one signed event ``segment.people.deleted``.

Each row has the operation ``remove`` and ``is_erased``, so that a receiver that does not know the
event removes the people and adds nobody. An answer of 2xx is the receipt.
"""

from __future__ import annotations

from activation.client import decoded
from activation.deletion import Deletion, Receipt
from activation.destination import DestinationSession
from activation.destinations.webhook import outcomes_of, post
from activation.model import Batch

EVENT = "segment.people.deleted"


class WebhookDeletion(Deletion):
    """Signed HTTP notices."""

    batch_rows = 1_000
    proof = "the receiver's answer"
    by_row = True

    def request(self, session: DestinationSession, batch: Batch) -> list[Receipt]:
        """Send the event; a row that the receiver refuses is sent again."""
        people = [
            {"row_key": r.row_key, "key": r.identity, "operation": "remove", "is_erased": True}
            for r in batch.rows
        ]
        outcomes = outcomes_of(batch, decoded(post(session, batch, EVENT, people, EVENT)))
        return [
            Receipt(o.row, o.reason or f"message msg_{batch.request_id}",
                    is_refused=o.status != "sent")
            for o in outcomes
        ]  # fmt: skip


DELETION = WebhookDeletion()
