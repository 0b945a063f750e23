"""Sends a sync's withdrawals and its plan, and recovers what an earlier run left open.
The engine makes one for each place that a run of a sync writes to.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from activation import plan as plans
from activation import replacements, sharing, withdrawals
from activation.ledger import changelog, destination_rows
from activation.model import Row
from activation.plan import SyncPlan
from activation.send import recovery, request, whole_file
from activation.send.batching import batches
from activation.send.sending import Sending
from segmentry.progress import StepCount

# Requests and answers refer to each other: without a search, each keeps its body. Of so many, the
# bodies are a few MiB and the search takes a millisecond.
_COLLECTED = 32


@dataclass
class Sender(Sending):
    """Sends the rows of one run to one place."""

    def recover(self) -> None:
        """Bring every request whose end is not known to an end, before anything is sent."""
        recovery.recover(self)
        self.sent_before = changelog.sent_count(self.ledger, self.sync.name)
        if self.destination.bulk_keeps_nulls:
            self.returning = changelog.once_removed(self.ledger, self.sync.name)

    def withdraw(self, found: int) -> int:
        """Remove the rows of ``work.withdrawn``, of which there are found; return how many are
        still there.
        """
        before = self.run.sent["remove"]
        self.has_failed_removals = False
        if self.destination.is_snapshot:
            whole_file.withdraw(self)
        else:
            self._expect_again("select ledger_key, identifiers from work.withdrawn")
            sharing.expect_again(self.lake, self.ledger, self.others, sharing.WITHDRAWN)
            self._send(withdrawals.rows(self.lake), found)
            recovery.follow_up(self)
        removed = self.run.sent["remove"] - before
        self.run.withdrawn += removed
        return found - removed or int(self.has_failed_removals)

    def apply(self, plan: SyncPlan) -> None:
        """Send the plan."""
        if self.destination.is_snapshot:
            whole_file.apply(self, plan)
        else:
            if plan.kept and self.forget_kept() < plan.kept:
                plan.has_waiting = True
            self._expect_again(replacements.LEAVING)
            sharing.expect_again(self.lake, self.ledger, self.others, sharing.REMOVED)
            planned = sum(plan.counts.values())
            self._send(plans.rows(self.lake, plan, self.returning), planned)
            recovery.follow_up(self)

    def forget_kept(self) -> int:
        """Forget the rows that leave the sync alone; returns how many."""
        return sharing.forget_kept(
            self.lake, self.ledger, self.others, self.sync.name, self.run.run_id
        )

    def _expect_again(self, leaving: str) -> None:
        """Before rows leave, mark those that share an identifier with one of them as unconfirmed: a
        kill after the removal then leaves them to the next plan, which sends them again.
        """
        if found := replacements.find_sharing(self.lake, self.sync, leaving):
            destination_rows.mark_unconfirmed(self.ledger, self.sync.name, found)

    def _send(self, chunks: Iterable[Sequence[Row]], total: int) -> None:
        steps = StepCount(f"rows of {self.sync.name}", total)
        with _rare_collections():
            for number, rows in enumerate(batches(chunks, self.sync, self.destination), 1):
                request.send(self, rows)
                steps.advance(len(rows))
                self.renew()
                if number % _COLLECTED == 0:
                    gc.collect(1)


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Rows have no reference cycles: a search for them at every 700 new objects wastes time."""
    usual = gc.get_threshold()
    gc.set_threshold(200_000, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)
