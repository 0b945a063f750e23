"""Sends the rows of one sync, batch by batch, and writes down what became of each before and after every call."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import duckdb

from activation import plan as plans
from activation import runs
from activation.client import Refused, Unanswered
from activation.config import Sync
from activation.consent import ConsentGate
from activation.destination import Destination, Session
from activation.ledger import Ledger
from activation.model import Batch, Operation, Outcome, Pending, Result, Row, Status
from activation.plan import Plan
from activation.runs import Run
from segmentry.errors import DestinationError
from segmentry.settings import Settings

JOB_PATIENCE = 900.0  # seconds a run waits for one job; the next run goes on waiting
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
        for batch, job_id in self.ledger.open_intents(self.sync.name):
            outcomes = None
            if job_id is not None:
                try:
                    outcomes = self._wait_for_job(batch, job_id)
                except Refused:  # the job is not known any more
                    outcomes = None
            if outcomes is None:
                outcomes = [Outcome(row, Status.retry, "the run before ended before the answer") for row in batch.rows]
            self._settle(batch.request_id, outcomes)
        self.sent_before = self.ledger.sent_count(self.sync.name)

    def apply(self, plan: Plan) -> None:
        """Send the plan."""
        if self.destination.is_snapshot:
            self._apply_snapshot(plan)
            return
        for batch in self._batches(plans.rows(self.lake, plan)):
            self._send(batch)
            runs.renew(self.ledger, self.sync.name)

    def _apply_snapshot(self, plan: Plan) -> None:
        blocked: dict[str, str] = {}

        def allowed() -> Iterator[Row]:
            self.gate.refresh()
            for row in plans.wanted_rows(self.lake, plan):
                if reason := self.gate.refusal(row):
                    blocked[row.row_key] = reason
                else:
                    yield row

        self.destination.replace(self.session, allowed())
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
                if not kept:
                    self.gate.refresh()
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
            outcomes = self._finish(batch, result)
        except Refused as refusal:
            self._split(batch, refusal)
            return
        except Unanswered:
            self._settle(batch.request_id, [Outcome(r, Status.retry, "no answer") for r in batch.rows])
            raise
        if outcomes is not None:
            self._settle(batch.request_id, outcomes)

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
        self.ledger.settle(self.sync.name, self.run.run_id, request_id, outcomes)
        self.run.count(outcomes)
        self.sent_before += sum(outcome.status is Status.sent for outcome in outcomes)


def _snapshot_outcome(row: Row, blocked: dict[str, str]) -> Outcome:
    reason = "" if row.operation is Operation.remove else blocked.get(row.row_key, "")
    return Outcome(row, Status.blocked if reason else Status.sent, reason)


def _length(row: Row) -> int:
    # A bound of the row's JSON: escaped text is at most six times as long, names and punctuation are small beside it.
    return 64 + len(row.identity) + sum(len(str(value)) + len(name) + 8 for name, value in row.values.items())
