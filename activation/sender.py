"""Sends the rows of one sync, batch by batch, and records its outcome before and after every
call.
"""

from __future__ import annotations

import gc
import hashlib
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain, groupby

import duckdb
import orjson

from activation import plan as plans
from activation import withdrawals
from activation.client import RequestRefused, Unanswered
from activation.consent import ConsentGate
from activation.destination import MALFORMED, Destination, DestinationSession
from activation.ledger import runs
from activation.ledger.database import Intent, Ledger, now
from activation.ledger.runs import Run
from activation.model import Batch, Operation, Pending, Result, Row, RowOutcome, Status, all_sent
from activation.plan import SyncPlan
from segmentry.errors import DestinationError
from segmentry.settings import Settings
from segmentry.sync_config import SyncConfig

JOB_PATIENCE = 900.0  # seconds a run waits for one job; the next run goes on waiting
JOB_GIVEN_UP = timedelta(days=1)  # a job older than this counts as perhaps done
SPLIT = frozenset({400, 409, 413, 422})  # answers that one row of the batch may have caused


@dataclass
class Sender:
    """One run of one sync. sleep can be replaced in tests."""

    settings: Settings
    sync: SyncConfig
    destination: Destination
    session: DestinationSession
    lake: duckdb.DuckDBPyConnection
    ledger: Ledger
    gate: ConsentGate
    run: Run
    sleep: Callable[[float], None] = time.sleep
    sent_before: int = 0
    returning: Collection[str] = ()

    def recover(self) -> None:
        """Bring every request whose end is not known to an end: ask for its job, or count it as
        perhaps arrived.
        """
        for intent in self.ledger.open_intents(self.sync.name):
            outcomes = self._of_job(intent)
            if outcomes is None:
                outcomes = [
                    self._unconfirmed(row, "the run before ended before the answer")
                    for row in intent.batch.rows
                ]
            self._record_outcomes(intent.batch.request_id, outcomes)
        self.sent_before = self.ledger.sent_count(self.sync.name)
        if self.destination.bulk_keeps_nulls:
            self.returning = self.ledger.once_removed(self.sync.name)

    def _of_job(self, intent: Intent) -> list[RowOutcome] | None:
        """What the job of a request of an earlier run came to; None where nobody can tell any
        more.
        """
        age = now() - intent.created_at
        if intent.job_id is None:
            # Taken or not, nothing is sent after it while it may still be at work: it could undo
            # what comes later.
            self.sleep(max(0.0, self.destination.job_seconds - age.total_seconds()))
            return None
        try:
            outcomes = self._wait_for_job(intent.batch, intent.job_id)
        except (RequestRefused, *MALFORMED):  # the job is not known any more
            return None
        if outcomes is None and age < JOB_GIVEN_UP:
            raise DestinationError(
                "a job of an earlier run is still at work at the destination",
                allowed="an ended job, as a later request could be undone by an earlier one",
                remedy=(
                    "run the sync again later; look at the destination's import jobs if it goes on"
                    " for hours"
                ),
            )
        return outcomes

    def _unconfirmed(self, row: Row, reason: str, *, may_have_arrived: bool = True) -> RowOutcome:
        is_last = may_have_arrived and not self.destination.is_repeatable
        return RowOutcome(row, Status.unknown if is_last else Status.retry, reason)

    def withdraw(self, found: int) -> int:
        """Remove the rows of ``work.withdrawn``, of which there are found; return how many are
        still there.
        """
        before = self.run.sent["remove"]
        if self.destination.is_snapshot:
            self._withdraw_from_snapshot()
        else:
            with _rare_collections():
                for rows in self._batches(withdrawals.rows(self.lake)):
                    self._send(rows)
                    runs.renew(self.ledger, self.run)
        removed = self.run.sent["remove"] - before
        self.run.withdrawn += removed
        return found - removed

    def _withdraw_from_snapshot(self) -> None:
        removals = [row for rows in withdrawals.rows(self.lake) for row in rows]
        with _writable():
            self.destination.withdraw(self.session, {row.identity for row in removals})
        self.run.requests += 1
        self._record_outcomes(None, all_sent(removals))
        if sharing := withdrawals.sharing_an_identity(self.lake):
            self.ledger.mark_unconfirmed(self.sync.name, sharing)

    def apply(self, plan: SyncPlan) -> None:
        """Send the plan."""
        if self.destination.is_snapshot:
            self._apply_snapshot(plan)
            return
        with _rare_collections():
            for rows in self._batches(plans.rows(self.lake, plan, self.returning)):
                self._send(rows)
                runs.renew(self.ledger, self.run)

    def _apply_snapshot(self, plan: SyncPlan) -> None:
        blocked: dict[str, str] = {}

        def allowed() -> Iterator[Row]:
            self.gate.refresh()
            for rows in plans.wanted_rows(self.lake, plan):
                for row, reason in zip(rows, self.gate.refusals(rows), strict=True):
                    if reason:
                        blocked[row.row_key] = reason
                    else:
                        yield row

        with _writable():
            self.destination.replace(self.session, allowed())
        self.run.requests += 1
        for rows in plans.rows(self.lake, plan):
            self._record_outcomes(None, [_snapshot_outcome(row, blocked) for row in rows])

    def _batches(self, chunks: Iterable[list[Row]]) -> Iterator[list[Row]]:
        """The rows of one request each: removals alone or none, and no more than the destination
        takes.
        """
        own, most = self.sync.limits.batch_rows, self.destination.batch_rows
        limit = most if own is None else min(own, most)
        kept: list[Row] = []
        for is_removal, rows in chain.from_iterable(
            groupby(chunk, _is_removal) for chunk in chunks
        ):
            if kept and _is_removal(kept[0]) != is_removal:
                yield from self._fitting(kept)
                kept = []
            kept += rows
            while len(kept) >= limit:
                yield from self._fitting(kept[:limit])
                del kept[:limit]
        if kept:
            yield from self._fitting(kept)

    def _fitting(self, rows: list[Row]) -> Iterator[list[Row]]:
        """The rows at once, or in halves where they are more bytes than the destination takes."""
        if len(rows) == 1 or _length(rows) <= self.destination.batch_bytes:
            yield rows
            return
        middle = len(rows) // 2
        yield from self._fitting(rows[:middle])
        yield from self._fitting(rows[middle:])

    def _batch(self, rows: Sequence[Row]) -> Batch:
        # The same rows with the same content, tried again before anything else was acknowledged,
        # bear the same id: that is how a receiver tells a repetition. After an acknowledgement the
        # same content is a new request.
        text = "\n".join(
            [
                self.sync.name,
                str(self.sent_before),
                *(f"{r.holding}|{r.payload_hash}" for r in rows),
            ]
        )
        return Batch(hashlib.sha256(text.encode()).hexdigest()[:32], list(rows))

    def _send(self, rows: Sequence[Row]) -> None:
        if not (rows := self._leaving(rows)):
            return
        batch = self._batch(rows)
        self.ledger.intend(self.sync.name, self.run.run_id, batch)
        try:
            result = self._call(batch)
        except RequestRefused as refusal:
            self._split(batch, refusal)
            return
        except DestinationError as error:
            arrived = isinstance(error, Unanswered) and error.may_have_arrived
            if arrived and self.destination.job_seconds:
                # it may have become a job: the next run waits for its end before it sends anything
                raise
            self._record_outcomes(
                batch.request_id,
                [self._unconfirmed(r, "no answer", may_have_arrived=arrived) for r in batch.rows],
            )
            raise
        except MALFORMED as error:
            self._record_outcomes(
                batch.request_id,
                [self._unconfirmed(r, "the answer could not be read") for r in batch.rows],
            )
            raise _unreadable(error) from None
        self._conclude(batch, result)

    def _conclude(self, batch: Batch, result: Result) -> None:
        """Settle what was answered. A job whose result cannot be had stays open: the next run asks
        for it first.
        """
        try:
            outcomes = self._finish(batch, result)
        except RequestRefused as refusal:
            self._split(batch, refusal)
            return
        except MALFORMED as error:
            raise _unreadable(error) from None
        if outcomes is None:
            return
        named = {outcome.row.row_key for outcome in outcomes}
        missing = [
            self._unconfirmed(r, "the answer does not name the row")
            for r in batch.rows
            if r.row_key not in named
        ]
        self._record_outcomes(batch.request_id, [*outcomes, *missing])

    def _leaving(self, rows: Sequence[Row]) -> Sequence[Row]:
        """The rows of a request right before it leaves, without those that may not, or cannot, as
        of now.
        """
        if rows[0].operation is Operation.remove:
            return rows
        self.gate.refresh()
        leaving = []
        kept_back = []
        for row, refusal in zip(rows, self.gate.refusals(rows), strict=True):
            if refusal:
                kept_back.append(RowOutcome(row, Status.blocked, refusal))
            elif reason := self.destination.invalid(row):
                kept_back.append(RowOutcome(row, Status.invalid, reason))
            else:
                leaving.append(row)
        if kept_back:
            self._record_outcomes(None, kept_back)
        return leaving

    def _call(self, batch: Batch) -> Result:
        self.session.begin()
        send = self.destination.remove if batch.is_removal else self.destination.upsert
        return send(self.session, batch)

    def _finish(self, batch: Batch, result: Result) -> list[RowOutcome] | None:
        if not isinstance(result, Pending):
            return result
        self.ledger.job_started(batch.request_id, result.job_id)
        outcomes = self._wait_for_job(batch, result.job_id)
        if outcomes is None:
            self.run.notes.append(
                "a job at the destination is still at work: the next run asks for its result"
            )
        return outcomes

    def _wait_for_job(self, batch: Batch, job_id: str) -> list[RowOutcome] | None:
        waited = 0.0
        pause = 0.2
        while waited < JOB_PATIENCE:
            result = self.destination.poll(self.session, batch, job_id)
            if not isinstance(result, Pending):
                return result
            runs.renew(self.ledger, self.run)
            self.sleep(pause)
            waited, pause = waited + pause, min(pause * 1.6, 15.0)
        return None

    def _split(self, batch: Batch, refusal: RequestRefused) -> None:
        """Halve a batch that was refused as a whole until the rows that cause it stand alone.

        Rows that an attempt before the refusal may have brought there are recorded as unconfirmed
        first: a half that an error, a kill or a withdrawn consent keeps from being sent is then
        sent again, or removed.
        """
        if self.session.may_have_written and not batch.is_removal:
            self.ledger.record_unconfirmed(self.sync.name, batch.rows)
        if refusal.status not in SPLIT:
            self._record_outcomes(
                batch.request_id,
                [RowOutcome(r, Status.retry, f"status {refusal.status}") for r in batch.rows],
            )
            raise DestinationError(
                f"the destination refused a request with status {refusal.status}",
                allowed="an audience that exists there and accepts writes",
                remedy=f"check the options and the connection of {self.sync.path.name}",
            )
        if len(batch.rows) == 1:
            reason = f"refused with status {refusal.status}"
            self._record_outcomes(
                batch.request_id, [RowOutcome(batch.rows[0], Status.rejected, reason)]
            )
            return
        self._record_outcomes(batch.request_id, [])
        middle = len(batch.rows) // 2
        for half in (batch.rows[:middle], batch.rows[middle:]):
            self._send(half)

    def _record_outcomes(self, request_id: str | None, outcomes: list[RowOutcome]) -> None:
        keeps = self.sync.mode == "delete"
        self.ledger.record_outcomes(
            self.sync.name, self.run.run_id, request_id, outcomes, keeps_removed=keeps
        )
        self.run.count(outcomes)
        self.sent_before += sum(outcome.status is Status.sent for outcome in outcomes)


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Rows hold no cycles: a search for some, begun at every 700 new objects, is time lost."""
    usual = gc.get_threshold()
    gc.set_threshold(200_000, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


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


def _unreadable(error: Exception) -> DestinationError:
    return DestinationError(
        f"the destination's answer could not be read: {type(error).__name__}",
        allowed="an answer of the documented shape",
        remedy="check the connection's address; the next run settles what was sent",
    )


def _snapshot_outcome(row: Row, blocked: dict[str, str]) -> RowOutcome:
    reason = "" if row.operation is Operation.remove else blocked.get(row.row_key, "")
    return RowOutcome(row, Status.blocked if reason else Status.sent, reason)


def _is_removal(row: Row) -> bool:
    return row.operation is Operation.remove


def _length(rows: Sequence[Row]) -> int:
    # A measure of the rows' JSON: the limits of the destinations leave room for what each writes
    # around it.
    values = orjson.dumps([row.values for row in rows], default=str)
    return len(values) + sum(96 + len(row.identity) for row in rows)
