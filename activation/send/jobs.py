"""Waits for the job that a destination made of a request.
A request that was just made asks, and the recovery of requests of an earlier run.
"""

from __future__ import annotations

from collections.abc import Sequence

from activation.model import Accepted, Batch, Pending, RowOutcome
from activation.send.sending import Sending

JOB_PATIENCE = 900.0  # seconds a run waits for one job; the next run goes on waiting


def wait(sending: Sending, batch: Batch, job_id: str) -> Sequence[RowOutcome] | Accepted | None:
    """What the job came to; None where it is still at work after all patience."""
    waited = 0.0
    pause = 0.2
    while waited < JOB_PATIENCE:
        result = sending.destination.poll(sending.session, batch, job_id)
        if not isinstance(result, Pending):
            return result
        sending.renew()
        sending.sleep(pause)
        waited = waited + pause
        pause = min(pause * 1.6, 15.0)
    return None
