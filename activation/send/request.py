"""One request: asks for consent again, writes down what is about to be called, calls, and records.
``Sender`` makes one for every batch.
"""

from __future__ import annotations

from collections.abc import Sequence

from activation.client import RequestRefused, Unanswered
from activation.destination import MALFORMED
from activation.ledger import destination_rows, open_requests
from activation.model import Batch, Operation, Pending, Result, Row, RowOutcome, Status
from activation.send import jobs
from activation.send.batching import batch_of
from activation.send.sending import Sending, unreadable
from segmentry.errors import DestinationError

SPLIT = frozenset({400, 409, 413, 422})  # answers that one row of the batch may have caused


def send(sending: Sending, rows: Sequence[Row]) -> None:
    """Send the rows of one request, those alone that may leave as of now."""
    if not (rows := _leaving(sending, rows)):
        return
    batch = batch_of(sending.sync.name, sending.sent_before, rows)
    open_requests.intend(sending.ledger, sending.sync.name, sending.run.run_id, batch)
    try:
        result = _call(sending, batch)
    except RequestRefused as refusal:
        _split(sending, batch, refusal)
        return
    except DestinationError as error:
        arrived = isinstance(error, Unanswered) and error.may_have_arrived
        if arrived and sending.destination.job_seconds:
            # it may have become a job: the next run waits for its end before it sends anything
            raise
        sending.record(
            batch.request_id,
            [sending.unconfirmed(r, "no answer", may_have_arrived=arrived) for r in batch.rows],
        )
        raise
    except MALFORMED as error:
        sending.record(
            batch.request_id,
            [sending.unconfirmed(r, "the answer could not be read") for r in batch.rows],
        )
        raise unreadable(error) from None
    _conclude(sending, batch, result)


def _leaving(sending: Sending, rows: Sequence[Row]) -> Sequence[Row]:
    """The rows of a request right before it leaves, without those that may not, or cannot, as of
    now.
    """
    if rows[0].operation is Operation.remove:
        return rows
    sending.gate.refresh()
    leaving = []
    kept_back = []
    for row, refusal in zip(rows, sending.gate.refusals(rows), strict=True):
        if refusal:
            kept_back.append(RowOutcome(row, Status.blocked, refusal))
        elif reason := sending.destination.invalid(row):
            kept_back.append(RowOutcome(row, Status.invalid, reason))
        else:
            leaving.append(row)
    if kept_back:
        sending.record(None, kept_back)
    return leaving


def _call(sending: Sending, batch: Batch) -> Result:
    sending.session.begin()
    destination = sending.destination
    call = destination.remove if batch.is_removal else destination.upsert
    return call(sending.session, batch)


def _conclude(sending: Sending, batch: Batch, result: Result) -> None:
    """Settle what was answered. A job whose result cannot be had stays open: the next run asks for
    it first.
    """
    try:
        outcomes = _finish(sending, batch, result)
    except RequestRefused as refusal:
        _split(sending, batch, refusal)
        return
    except MALFORMED as error:
        raise unreadable(error) from None
    if outcomes is None:
        return
    named = {outcome.row.row_key for outcome in outcomes}
    missing = [
        sending.unconfirmed(r, "the answer does not name the row")
        for r in batch.rows
        if r.row_key not in named
    ]
    sending.record(batch.request_id, [*outcomes, *missing])


def _finish(sending: Sending, batch: Batch, result: Result) -> list[RowOutcome] | None:
    if not isinstance(result, Pending):
        return result
    open_requests.job_started(sending.ledger, batch.request_id, result.job_id)
    outcomes = jobs.wait(sending, batch, result.job_id)
    if outcomes is None:
        sending.run.notes.append(
            "a job at the destination is still at work: the next run asks for its result"
        )
    return outcomes


def _split(sending: Sending, batch: Batch, refusal: RequestRefused) -> None:
    """Halve a batch that was refused as a whole until each row that causes it is alone in a batch.

    Rows that an attempt before the refusal may have delivered are first recorded as unconfirmed: if
    an error, a kill or a withdrawn consent stops a half, the next run sends it again or removes it.
    """
    if sending.session.may_have_written and not batch.is_removal:
        destination_rows.record_unconfirmed(sending.ledger, sending.sync.name, batch.rows)
    if refusal.status not in SPLIT:
        sending.record(
            batch.request_id,
            [RowOutcome(r, Status.retry, f"status {refusal.status}") for r in batch.rows],
        )
        raise DestinationError(
            f"the destination refused a request with status {refusal.status}",
            allowed="an audience that exists there and accepts writes",
            remedy=f"check the options and the connection of {sending.sync.path.name}",
        )
    if len(batch.rows) == 1:
        reason = f"refused with status {refusal.status}"
        sending.record(batch.request_id, [RowOutcome(batch.rows[0], Status.rejected, reason)])
        return
    sending.record(batch.request_id, [])
    middle = len(batch.rows) // 2
    for half in (batch.rows[:middle], batch.rows[middle:]):
        send(sending, half)
