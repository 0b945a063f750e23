"""Brings the requests of an earlier run whose end is not known to an end.
``Sender`` does it before it sends anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from activation.client import RequestRefused
from activation.destination import MALFORMED
from activation.ledger import deployed, open_requests
from activation.ledger.database import now
from activation.ledger.open_requests import Intent
from activation.model import Accepted, Pending, RowOutcome
from activation.send import jobs
from activation.send.sending import Sending
from segmentry.errors import DestinationError

JOB_GIVEN_UP = timedelta(days=1)  # a job older than this counts as perhaps done
END_GIVEN_UP = timedelta(days=3)  # of a request whose rows count as sent


def recover(sending: Sending) -> None:
    """Ask for the job of each open request, or count its rows as perhaps arrived."""
    for intent in open_requests.of(sending.ledger, sending.sync.name):
        if sending.destination.ends_later and intent.job_id is not None:
            _settle(sending, intent, intent.job_id)
            continue
        outcomes = _of_job(sending, intent)
        if outcomes is None:
            outcomes = [
                sending.unconfirmed(row, "the run before ended before the answer")
                for row in intent.batch.rows
            ]
        sending.record(intent.batch.request_id, outcomes)


def follow_up(sending: Sending) -> None:
    """Look once at each request whose rows count as sent and that goes on at the destination."""
    if not sending.destination.ends_later:
        return
    for intent in open_requests.of(sending.ledger, sending.sync.name):
        if intent.job_id is not None:
            _settle(sending, intent, intent.job_id)


def _settle(sending: Sending, intent: Intent, job_id: str) -> None:
    """Record the end of a request that the destination accepted; leave it open where it is at work
    on it.
    """
    try:
        result = sending.destination.poll(sending.session, intent.batch, job_id)
    except (RequestRefused, *MALFORMED):
        sending.run.notes.append("the end of a request that was accepted is not known any more")
        result = []
    if not isinstance(result, Pending | Accepted):
        if result and intent.batch.is_removal:
            # Who opted out is there again: the search for withdrawals finds the row.
            deployed.forget_mark(sending.ledger, sending.sync.name)
            sending.has_failed_removals = True
        sending.record(intent.batch.request_id, result)
    elif now() - intent.created_at > END_GIVEN_UP:
        sending.run.notes.append(
            f"a request has been at work at the destination for {END_GIVEN_UP.days} days and is not"
            " asked for any more"
        )
        sending.record(intent.batch.request_id, [])
    sending.renew()


def _of_job(sending: Sending, intent: Intent) -> Sequence[RowOutcome] | None:
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
    if isinstance(outcomes, Accepted):
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
