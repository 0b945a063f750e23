"""One request: asks for consent again, writes down what is about to be called, calls, and records.
``Sender`` makes one for every batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from activation.client import ConsentChanged, RequestRefused, Unanswered
from activation.destination import MALFORMED
from activation.ledger import destination_rows, open_requests
from activation.model import (
    Accepted,
    AllSent,
    Batch,
    Pending,
    Result,
    Row,
    RowOutcome,
    Status,
    all_sent,
)
from activation.row_columns import all_fit
from activation.row_table import are_removals
from activation.send import jobs
from activation.send.batching import batch_of
from activation.send.sending import Sending, unreadable
from activation.send.splitting import Refused, Splitting
from segmentry.errors import DestinationError


def send(sending: Sending, rows: Sequence[Row]) -> None:
    """Send the rows of one request, those alone that may leave as of now."""
    refused = _attempt(sending, rows)
    if refused is not None:
        Splitting(sending, partial(_attempt, sending)).split(refused)


def _attempt(sending: Sending, rows: Sequence[Row]) -> Refused | None:
    """One request; its rows without an outcome where it was refused as a whole.

    A person who opts out while it waits, or between two attempts of it, is not in what follows.
    """
    while rows := _leaving(sending, rows):
        try:
            return _once(sending, rows)
        except ConsentChanged:
            continue
    return None


def _once(sending: Sending, rows: Sequence[Row]) -> Refused | None:
    batch = batch_of(sending.sync.name, sending.sent_before, rows)
    open_requests.intend(sending.ledger, sending.sync.name, sending.run.run_id, batch)
    try:
        result = _call(sending, batch)
    except RequestRefused as refusal:
        return _refused(sending, batch, refusal)
    except ConsentChanged:
        _interrupted(sending, batch)
        return None
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
    return _conclude(sending, batch, result)


def _interrupted(sending: Sending, batch: Batch) -> None:
    """Close the request of which a person opted out meanwhile, and have the others sent by another
    one, unless a repetition does harm.
    """
    if sending.session.may_have_written:
        if sending.destination.job_seconds:
            raise DestinationError(
                "a person opted out while a request that may have arrived was tried again",
                allowed="requests whose end is known",
                remedy="the next run settles it, then sends the others",
            )
        if not sending.destination.is_repeatable:
            unknown = [sending.unconfirmed(row, "an opt-out stopped it") for row in batch.rows]
            sending.record(batch.request_id, unknown)
            return
        destination_rows.record_unconfirmed(sending.ledger, sending.sync.name, batch.rows)
    sending.record(batch.request_id, [])
    raise ConsentChanged


def _leaving(sending: Sending, rows: Sequence[Row]) -> Sequence[Row]:
    """The rows of a request right before it leaves, without those that may not, or cannot, as of
    now.
    """
    if are_removals(rows):
        return rows
    sending.gate.refresh()
    refusals = sending.gate.refusals(rows)
    if not sending.not_removed and not any(refusals) and all_fit(sending.destination, rows):
        return rows
    leaving = []
    kept_back = []
    for row, refusal in zip(rows, refusals, strict=True):
        if refusal:
            kept_back.append(RowOutcome(row, Status.blocked, refusal))
        elif reason := sending.destination.invalid(row):
            kept_back.append(RowOutcome(row, Status.invalid, reason))
        elif (waiting := sending.not_yet(row)) is not None:
            kept_back.append(waiting)
        else:
            leaving.append(row)
    if kept_back:
        sending.record(None, kept_back)
    return leaving


def _call(sending: Sending, batch: Batch) -> Result:
    sending.session.begin()
    sending.calls += 1
    destination = sending.destination
    if batch.is_removal:
        return destination.remove(sending.session, batch)

    def check() -> None:
        if sending.gate.refresh() and any(sending.gate.refusals(batch.rows)):
            raise ConsentChanged

    with sending.session.watching(check):
        return destination.upsert(sending.session, batch)


def _conclude(sending: Sending, batch: Batch, result: Result) -> Refused | None:
    """Settle what was answered. A job whose result cannot be had stays open: the next run asks for
    it first.
    """
    try:
        outcomes = _finish(sending, batch, result)
    except RequestRefused as refusal:
        return _refused(sending, batch, refusal)
    except MALFORMED as error:
        raise unreadable(error) from None
    if outcomes is None:
        return None
    if isinstance(outcomes, AllSent) and outcomes.rows is batch.rows:
        sending.record(batch.request_id, outcomes)
        return None
    named = {outcome.row.row_key for outcome in outcomes}
    missing = [
        sending.unconfirmed(r, "the answer does not name the row")
        for r in batch.rows
        if r.row_key not in named
    ]
    sending.record(batch.request_id, [*outcomes, *missing])
    return None


def _finish(sending: Sending, batch: Batch, result: Result) -> Sequence[RowOutcome] | None:
    if isinstance(result, Pending):
        open_requests.job_started(sending.ledger, batch.request_id, result.job_id)
        outcomes = jobs.wait(sending, batch, result.job_id)
    else:
        outcomes = result
    if isinstance(outcomes, Accepted):
        # In this order: a kill in between leaves the rows as unconfirmed.
        sending.record(None, all_sent(batch.rows))
        open_requests.job_started(sending.ledger, batch.request_id, outcomes.job_id)
        return None
    if outcomes is None:
        sending.run.notes.append(
            "a job at the destination is still at work: the next run asks for its result"
        )
    return outcomes


def _refused(sending: Sending, batch: Batch, refusal: RequestRefused) -> Refused:
    """A batch that was refused as a whole.

    Rows that an attempt before the refusal may have delivered are first recorded as unconfirmed: if
    an error, a kill or a withdrawn consent stops what follows, the next run sends them again or
    removes them.
    """
    if sending.session.may_have_written and not batch.is_removal:
        destination_rows.record_unconfirmed(sending.ledger, sending.sync.name, batch.rows)
    sending.record(batch.request_id, [])
    return Refused(batch.rows, batch.request_id, refusal)
