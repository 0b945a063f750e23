"""Customer.io: a delete of each person by the Track API.

Each is a call of its own: the API answers 200 for people who are not there, and it cannot be
read, so its answer is the proof.
"""

from __future__ import annotations

from urllib.parse import quote

from activation.deletion import Deletion, Receipt
from activation.destination import DestinationSession
from activation.destinations.customer_io import http
from activation.model import Batch


class CustomerIoDeletion(Deletion):
    """People of one workspace."""

    proof = "the tool's answer"

    def request(self, session: DestinationSession, batch: Batch) -> list[Receipt]:
        """Delete the people one by one."""
        receipts = []
        for row in batch.rows:
            path = f"/api/v1/customers/{quote(row.identity, safe='')}"
            status = http(session).call("DELETE", path).status_code
            receipts.append(Receipt(row, f"status {status}"))
        return receipts


DELETION = CustomerIoDeletion()
