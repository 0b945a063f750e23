"""Sends the rows of one sync, batch by batch, and writes down what became of each before and after every call."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby

import duckdb

from activation import plan as plans
from activation import runs
from activation.client import Refused, Unanswered
from activation.config import Sync
from activation.consent import ConsentGate
from activation.destination import Destination, Session
from activation.ledger import Intent, Ledger, now
from activation.model import Batch, Operation, Outcome, Pending, Result, Row, Status
from activation.plan import Plan
from activation.runs import Run
from segmentry.errors import DestinationError
from segmentry.settings import Settings

JOB_PATIENCE = 900.0  # seconds a run waits for one job; the next run goes on waiting
JOB_GIVEN_UP = timedelta(days=1)  # a job older than this counts as perhaps done
# What reading an answer of another shape than the documented one raises.
MALFORMED = (LookupError, TypeError, AttributeError, ValueError)
SPLIT = frozenset({400, 409, 413, 422})  # answers that one row of the batch may have caused


@dataclass
class Sender:
    """One run of one sync. sleep can be replaced in tests."""

    settings: Settings
    sync: Sync
    destination: Destination
    session: Session
    lake: duckdb.DuckDBPyConnection
    ledger: Ledger
    gate: ConsentGate
    run: Run
    sleep: Callable[[float], None] = time.sleep
    sent_before: int = 0

    def recover(self) -> None:
        """Bring every request whose end is not known to an end: ask for its job, or count it as perhaps arrived."""
        for intent in self.ledger.open_intents(self.sync.name):
            outcomes = self._of_job(intent)
            if outcomes is None:
                outcomes = [self._doubt(row, "the run before ended before the answer") for row in intent.batch.rows]
            self._settle(intent.batch.request_id, outcomes)
        self.sent_before = self.ledger.sent_count(self.sync.name)

    def _of_job(self, intent: Intent) -> list[Outcome] | None:
        """What the job of a request of an earlier run came to; None where nobody can tell any more."""
        age = now() - intent.created_at
        if intent.job_id is None:
            # Taken or not, nothing is sent after it while it may still be at work: it could undo what comes later.
            self.sleep(max(0.0, self.destination.job_seconds - age.total_seconds()))
            return None
        try:
            outcomes = self._wait_for_job(intent.batch, intent.job_id)
        except (Refused, *MALFORMED):  # the job is not known any more
            return None
        if outcomes is None and age < JOB_GIVEN_UP:
            raise DestinationError(
                "a job of an earlier run is still at work at the destination",
                allowed="an ended job, as a later request could be undone by an earlier one",
                remedy="run the sync again later; look at the destination's import jobs if it goes on for hours",
            )
        return outcomes

    def _doubt(self, row: Row, reason: str, *, may_have_arrived: bool = True) -> Outcome:
        is_last = may_have_arrived and not self.destination.is_repeatable
        return Outcome(row, Status.unknown if is_last else Status.retry, reason)

    def apply(self, plan: Plan) -> None:
        """Send the plan."""
        if self.destination.is_snapshot:
            self._apply_snapshot(plan)
            return
        for batch in self._batches(plans.rows(self.lake, plan)):
            self._send(batch)
            runs.renew(self.ledger, self.run)

    def _apply_snapshot(self, plan: Plan) -> None:
        blocked: dict[str, str] = {}

        def allowed() -> Iterator[Row]:
            self.gate.refresh()
            for row in plans.wanted_rows(self.lake, plan):
                if reason := self.gate.refusal(row):
                    blocked[row.row_key] = reason
                else:
                    yield row

        try:
            self.destination.replace(self.session, allowed())
        except OSError as error:
            raise DestinationError(
                f"the audience could not be written: {type(error).__name__}",
                allowed="a place that can be written to, with room for the whole audience",
                remedy="check the place and run again; what was written last stays",
            ) from None
        self.run.requests += 1
        for _, chunk in groupby(enumerate(plans.rows(self.lake, plan)), key=lambda pair: pair[0] // 5_000):
            rows = [row for _, row in chunk]
            self._settle(None, [_snapshot_outcome(row, blocked) for row in rows])

    def _batches(self, rows: Iterable[Row]) -> Iterator[Batch]:
        """Allowed rows in batches; those that may not leave, or cannot, get their outcome here."""
        limit = int(self.sync.content.get("limits", {}).get("batch_rows", self.destination.batch_rows))
        limit = min(limit, self.destination.batch_rows)
        for is_removal, group in groupby(rows, key=lambda row: row.operation is Operation.remove):
            kept: list[Row] = []
            size = 0
            for row in group:
                if not is_removal and not self._may_leave(row):
                    continue
                length = _length(row)
                if kept and (len(kept) >= limit or size + length > self.destination.batch_bytes):
                    yield self._batch(kept)
                    kept, size = [], 0
                kept.append(row)
                size += length
            if kept:
                yield self._batch(kept)

    def _may_leave(self, row: Row) -> bool:
        if reason := self.gate.refusal(row):
            self._settle(None, [Outcome(row, Status.blocked, reason)])
            return False
        if reason := self.destination.invalid(row):
            self._settle(None, [Outcome(row, Status.invalid, reason)])
            return False
        return True

    def _batch(self, rows: Sequence[Row]) -> Batch:
        # The same rows with the same content, tried again before anything else was acknowledged, bear the same id: that
        # is how a receiver tells a repetition. After an acknowledgement the same content is a new request.
        text = "\n".join([self.sync.name, str(self.sent_before), *(f"{r.holding}|{r.payload_hash}" for r in rows)])
        return Batch(hashlib.sha256(text.encode()).hexdigest()[:32], list(rows))

    def _send(self, batch: Batch) -> None:
        batch = self._still_allowed(batch)
        if not batch.rows:
            return
        self.ledger.intend(self.sync.name, self.run.run_id, batch)
        try:
            result = self._call(batch)
        except Refused as refusal:
            self._split(batch, refusal)
            return
        except DestinationError as error:
            arrived = isinstance(error, Unanswered) and error.may_have_arrived
            if arrived and self.destination.job_seconds:
                raise  # it may have become a job: the next run waits for its end before it sends anything
            self._settle(batch.request_id, [self._doubt(r, "no answer", may_have_arrived=arrived) for r in batch.rows])
            raise
        except MALFORMED as error:
            self._settle(batch.request_id, [self._doubt(r, "the answer could not be read") for r in batch.rows])
            raise _unreadable(error) from None
        self._conclude(batch, result)

    def _conclude(self, batch: Batch, result: Result) -> None:
        """Settle what was answered. A job whose result cannot be had stays open: the next run asks for it first."""
        try:
            outcomes = self._finish(batch, result)
        except Refused as refusal:
            self._split(batch, refusal)
            return
        except MALFORMED as error:
            raise _unreadable(error) from None
        if outcomes is None:
            return
        named = {outcome.row.row_key for outcome in outcomes}
        missing = [self._doubt(r, "the answer does not name the row") for r in batch.rows if r.row_key not in named]
        self._settle(batch.request_id, [*outcomes, *missing])

    def _still_allowed(self, batch: Batch) -> Batch:
        """The batch right before it leaves, without those who have refused since it was put together."""
        if batch.is_removal or not self.gate.refresh():
            return batch
        refusals = {row.row_key: self.gate.refusal(row) for row in batch.rows}
        blocked = [Outcome(row, Status.blocked, refusals[row.row_key]) for row in batch.rows if refusals[row.row_key]]
        if not blocked:
            return batch
        self._settle(None, blocked)
        kept = [row for row in batch.rows if not refusals[row.row_key]]
        return self._batch(kept) if kept else Batch(batch.request_id, [])

    def _call(self, batch: Batch) -> Result:
        send = self.destination.remove if batch.is_removal else self.destination.upsert
        return send(self.session, batch)

    def _finish(self, batch: Batch, result: Result) -> list[Outcome] | None:
        if not isinstance(result, Pending):
            return result
        self.ledger.job_started(batch.request_id, result.job_id)
        outcomes = self._wait_for_job(batch, result.job_id)
        if outcomes is None:
            self.run.notes.append("a job at the destination is still at work: the next run asks for its result")
        return outcomes

    def _wait_for_job(self, batch: Batch, job_id: str) -> list[Outcome] | None:
        waited, pause = 0.0, 0.2
        while waited < JOB_PATIENCE:
            result = self.destination.poll(self.session, batch, job_id)
            if not isinstance(result, Pending):
                return result
            runs.renew(self.ledger, self.run)
            self.sleep(pause)
            waited, pause = waited + pause, min(pause * 1.6, 15.0)
        return None

    def _split(self, batch: Batch, refusal: Refused) -> None:
        """Halve a batch that was refused as a whole until the rows that cause it stand alone."""
        if refusal.status not in SPLIT:
            self._settle(batch.request_id, [Outcome(r, Status.retry, f"status {refusal.status}") for r in batch.rows])
            raise DestinationError(
                f"the destination refused a request with status {refusal.status}",
                allowed="an audience that exists there and accepts writes",
                remedy=f"check the options and the connection of {self.sync.path.name}",
            )
        if len(batch.rows) == 1:
            reason = f"refused with status {refusal.status}"
            self._settle(batch.request_id, [Outcome(batch.rows[0], Status.rejected, reason)])
            return
        self._settle(batch.request_id, [])
        middle = len(batch.rows) // 2
        for half in (batch.rows[:middle], batch.rows[middle:]):
            self._send(self._batch(half))

    def _settle(self, request_id: str | None, outcomes: list[Outcome]) -> None:
        keeps = self.sync.mode == "delete"
        self.ledger.settle(self.sync.name, self.run.run_id, request_id, outcomes, keeps_removed=keeps)
        self.run.count(outcomes)
        self.sent_before += sum(outcome.status is Status.sent for outcome in outcomes)


def _unreadable(error: Exception) -> DestinationError:
    return DestinationError(
        f"the destination's answer could not be read: {type(error).__name__}",
        allowed="an answer of the documented shape",
        remedy="check the connection's address; the next run settles what was sent",
    )


def _snapshot_outcome(row: Row, blocked: dict[str, str]) -> Outcome:
    reason = "" if row.operation is Operation.remove else blocked.get(row.row_key, "")
    return Outcome(row, Status.blocked if reason else Status.sent, reason)


def _length(row: Row) -> int:
    # A measure of the row's JSON, by what Python writes: the limits of the destinations leave room for the difference.
    return 96 + len(row.identity) + len(repr(row.values))
