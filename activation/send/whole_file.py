"""Destinations that take the whole audience at once: files.
``Sender`` gives them plans and withdrawals.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from activation import plan as plans
from activation import withdrawals
from activation.client import ConsentChanged
from activation.ledger import destination_rows
from activation.model import Operation, Row, RowOutcome, Status, all_sent
from activation.plan import SyncPlan
from activation.send.sending import Sending
from segmentry.errors import DestinationError

_MOST_TIMES = 10  # a file is written; more would go on for hours where opt-outs never cease


def withdraw(sending: Sending) -> None:
    """Remove the rows of ``work.withdrawn`` from the current file."""
    removals = [row for rows in withdrawals.rows(sending.lake) for row in rows]
    with _writable():
        sending.destination.withdraw(sending.session, {row.identity for row in removals})
    sending.run.requests += 1
    sending.record(None, all_sent(removals))
    if sharing := withdrawals.sharing_an_identity(sending.lake):
        destination_rows.mark_unconfirmed(sending.ledger, sending.sync.name, sharing)


def apply(sending: Sending, plan: SyncPlan) -> None:
    """Write the whole audience, without those who may not leave as of now.

    Where a person opts out while it is written, it is written again before it is delivered.
    """
    blocked: dict[str, str] = {}

    def check() -> None:
        if sending.gate.refresh() and _has_refused(sending, plan, blocked):
            raise ConsentChanged

    for _ in range(_MOST_TIMES):
        try:
            with _writable(), sending.session.watching(check):
                sending.destination.replace(sending.session, _allowed(sending, plan, blocked))
            break
        except ConsentChanged:
            continue
    else:
        raise DestinationError(
            f"opt-outs came in while the file was written, {_MOST_TIMES} times in a row",
            allowed="a file without a person who opted out before it is delivered",
            remedy="run it again; what was written last stays",
        )
    sending.run.requests += 1
    for rows in plans.rows(sending.lake, plan):
        sending.record(None, [_outcome(row, blocked) for row in rows])


def _allowed(sending: Sending, plan: SyncPlan, blocked: dict[str, str]) -> Iterator[Row]:
    """The rows that may leave. Who opts out after this began is found before the file leaves."""
    blocked.clear()
    sending.gate.refresh()
    for rows in plans.wanted_rows(sending.lake, plan):
        for row, reason in zip(rows, sending.gate.refusals(rows), strict=True):
            if reason:
                blocked[row.row_key] = reason
            else:
                yield row


def _has_refused(sending: Sending, plan: SyncPlan, blocked: dict[str, str]) -> bool:
    """Whether a row that was written may not leave any more."""
    return any(
        reason and row.row_key not in blocked
        for rows in plans.wanted_rows(sending.lake, plan)
        for row, reason in zip(rows, sending.gate.refusals(rows), strict=True)
    )


def _outcome(row: Row, blocked: dict[str, str]) -> RowOutcome:
    reason = "" if row.operation is Operation.remove else blocked.get(row.row_key, "")
    return RowOutcome(row, Status.blocked if reason else Status.sent, reason)


@contextmanager
def _writable() -> Iterator[None]:
    """What the disk may answer, in our own words."""
    try:
        yield
    except OSError as error:
        raise DestinationError(
            f"the audience could not be written: {type(error).__name__}",
            allowed="a place that can be written to, with room for the whole audience",
            remedy="check the place and run again; what was written last stays",
        ) from None
