"""What one run of one sync sends with, and how the outcome of every row is recorded.
The modules of this room work on it; ``Sender`` is made of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import duckdb

from activation import places, sharing
from activation.consent import ConsentGate
from activation.destination import Destination, DestinationSession
from activation.ledger import outcomes as recorded
from activation.ledger import runs
from activation.ledger.database import Ledger
from activation.ledger.runs import Run
from activation.ledger.shared_rows import Others
from activation.model import Operation, Row, RowOutcome, Status, count_sent
from activation.places import WrittenPlace
from segmentry.errors import DestinationError
from segmentry.settings import Settings
from segmentry.sync_config import SyncConfig


@dataclass
class Sending:
    """One run of one sync. sleep can be replaced in tests.

    sent_before: rows ever acknowledged. returning: row_keys that were there once and were removed.
    not_removed: ledger keys of the rows whose removal failed in this run, with the identifiers that
    are still there. has_failed_removals: a removal that counted as sent failed later. calls: of the
    destination, which are its requests where it has no client.
    """

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
    calls: int = 0
    returning: Collection[str] = ()
    not_removed: dict[str, str | None] = field(default_factory=dict)
    has_failed_removals: bool = False

    def __post_init__(self) -> None:
        self.session.gates.append(self._refusals)

    def _refusals(self, rows: Sequence[Row]) -> list[str]:
        """Why each row may not be added as of now; one of an earlier run has its key alone."""
        self.gate.refresh()
        key = self.sync.key
        return self.gate.refusals(
            [row if row.values else replace(row, values={key: row.identity}) for row in rows]
        )

    @property
    def written(self) -> WrittenPlace:
        """What the ledger records of the place."""
        return places.of(self.sync, self.destination, self.session.connection)

    @cached_property
    def others(self) -> Others:
        """The syncs that share the place."""
        return sharing.others(self.ledger, self.sync, self.destination, self.written)

    def record(self, request_id: str | None, outcomes: Sequence[RowOutcome]) -> None:
        """Record the outcomes of a request's rows, and count them."""
        keeps = self.sync.mode == "delete"
        recorded.record(
            self.ledger, self.sync.name, self.run.run_id, request_id, outcomes, keeps_removed=keeps
        )
        self.run.count(outcomes)
        if self.destination.identifying:
            self._note_removals(outcomes)
        self.sent_before += count_sent(outcomes)

    def _note_removals(self, outcomes: Sequence[RowOutcome]) -> None:
        for outcome in outcomes:
            row = outcome.row
            if row.operation is not Operation.remove:
                continue
            if outcome.status is Status.sent:
                self.not_removed.pop(row.ledger_key, None)
            else:
                self.not_removed[row.ledger_key] = row.identifiers

    def not_yet(self, row: Row) -> RowOutcome | None:
        """The outcome of an addition whose removal failed before: the ledger goes on knowing the
        identifiers that are there, and the next run removes them first.
        """
        if row.ledger_key not in self.not_removed:
            return None
        former = replace(row, identifiers=self.not_removed[row.ledger_key])
        return RowOutcome(former, Status.retry, "what was sent before is not removed yet")

    def unconfirmed(self, row: Row, reason: str, *, may_have_arrived: bool = True) -> RowOutcome:
        """The outcome of a row of which nobody knows whether it arrived."""
        is_last = may_have_arrived and not self.destination.is_repeatable
        return RowOutcome(row, Status.unknown if is_last else Status.retry, reason)

    def renew(self) -> None:
        """Go on being the one process that runs the sync."""
        runs.renew(self.ledger, self.run)


def unreadable(error: Exception) -> DestinationError:
    """What is raised where an answer has not the documented shape."""
    return DestinationError(
        f"the destination's answer could not be read: {type(error).__name__}",
        allowed="an answer of the documented shape",
        remedy="check the connection's address; the next run settles what was sent",
    )
