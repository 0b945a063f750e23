"""Brings the requests of an earlier run whose end is not known to an end.
``Sender`` does it before it sends anything.
"""

from __future__ import annotations

from datetime import timedelta

from activation.client import RequestRefused
from activation.destination import MALFORMED
from activation.ledger import open_requests
from activation.ledger.database import now
from activation.ledger.open_requests import Intent
from activation.model import RowOutcome
from activation.send import jobs
from activation.send.sending import Sending
from segmentry.errors import DestinationError

JOB_GIVEN_UP = timedelta(days=1)  # a job older than this counts as perhaps done


def recover(sending: Sending) -> None:
    """Ask for the job of each open request, or count its rows as perhaps arrived."""
    for intent in open_requests.of(sending.ledger, sending.sync.name):
        outcomes = _of_job(sending, intent)
        if outcomes is None:
            outcomes = [
                sending.unconfirmed(row, "the run before ended before the answer")
                for row in intent.batch.rows
            ]
        sending.record(intent.batch.request_id, outcomes)


def _of_job(sending: Sending, intent: Intent) -> list[RowOutcome] | None:
    """The outcomes of a job of an earlier run; None if they cannot be known any more."""
    age = now() - intent.created_at
    if intent.job_id is None:
        # Taken or not, nothing is sent after it while it may still be at work: it could undo what
        # comes later.
        sending.sleep(max(0.0, sending.destination.job_seconds - age.total_seconds()))
        return None
    try:
        outcomes = jobs.wait(sending, intent.batch, intent.job_id)
    except (RequestRefused, *MALFORMED):  # the job is not known any more
        return None
    if outcomes is None and age < JOB_GIVEN_UP:
        raise DestinationError(
            "a job of an earlier run is still at work at the destination",
            allowed="an ended job, as a later request could be undone by an earlier one",
            remedy=(
                "run the sync again later; look at the destination's import jobs if it goes on for"
                " hours"
            ),
        )
    return outcomes
