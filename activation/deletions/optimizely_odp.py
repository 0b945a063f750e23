"""Optimizely Data Platform: a GDPR deletion request for each customer, whose status is asked for.

The setting ``requester`` names who asks, as ODP requires: an address of the company.
"""

from __future__ import annotations

from activation.deletion import Deletion, Receipt, receipt_id
from activation.destination import DestinationSession
from activation.destinations.optimizely_odp import http
from activation.model import Batch

COMPLIANCE = "/v3/compliance/gdpr"


class OptimizelyDeletion(Deletion):
    """Customers of one account."""

    proof = "the status of the request"
    needs = ("requester",)

    def request(self, session: DestinationSession, batch: Batch) -> list[Receipt]:
        """Ask for the deletions."""
        body = [
            {
                "requester": session.connection["requester"],
                "identifier_field_name": session.sync.key,
                "identifier_value": row.identity,
            }
            for row in batch.rows
        ]
        answer = http(session).json("POST", f"{COMPLIANCE}/delete", json=body)
        jobs = [receipt_id(one) for one in answer["request_ids"]]
        if len(jobs) != len(batch.rows):
            jobs = [",".join(jobs)] * len(batch.rows)
        return [
            Receipt(row, f"request {job}", job) for row, job in zip(batch.rows, jobs, strict=True)
        ]

    def is_finished(self, session: DestinationSession, job: str) -> bool:
        """Whether ODP has completed the requests."""
        states = [
            http(session).json("GET", f"{COMPLIANCE}/status/{one}").get("status")
            for one in job.split(",")
        ]
        return set(states) == {"COMPLETED"}


DELETION = OptimizelyDeletion()
