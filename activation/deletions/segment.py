"""Segment: a regulation DELETE_ONLY of the Public API, which has an address and a token of its own
(``regulations_url``, ``regulations_token``). Without them, and at a RudderStack data plane, an
operator deletes by hand.
"""

from __future__ import annotations

from activation.client import Client
from activation.deletion import Deletion, Receipt, all_taken, receipt_id
from activation.destination import DestinationSession
from activation.model import Batch


class SegmentDeletion(Deletion):
    """Users of one workspace."""

    batch_rows = 5_000
    proof = "the status of the regulation"
    needs = ("regulations_url", "regulations_token")

    def request(self, session: DestinationSession, batch: Batch) -> list[Receipt]:
        """Create one regulation for all."""
        body = {
            "regulationType": "DELETE_ONLY",
            "subjectType": "USER_ID",
            "subjectIds": [row.identity for row in batch.rows],
        }
        answer = _http(session).json("POST", "/regulations", json=body)
        job = receipt_id(answer["data"]["regulateId"])
        return all_taken(batch.rows, f"regulation {job}", job)

    def is_finished(self, session: DestinationSession, job: str) -> bool:
        """Whether the regulation is at its end."""
        answer = _http(session).json("GET", f"/regulations/{job}")
        return bool(answer["data"]["regulation"]["overallStatus"] == "FINISHED")


def _http(session: DestinationSession) -> Client:
    headers = {"authorization": f"Bearer {session.connection['regulations_token']}"}
    return session.http(headers, None, url=session.connection["regulations_url"])


DELETION = SegmentDeletion()
