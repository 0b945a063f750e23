"""The words of activation: rows that leave, batches of them, and the outcome of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, overload


class Operation(StrEnum):
    """What is done to one row at the destination."""

    add = "add"
    update = "update"
    remove = "remove"


class Status(StrEnum):
    """The outcome of one row.

    sent: the destination has it. invalid: never sent, it does not fit. rejected: the destination
    refused it. retry: it may or may not have arrived; the next run sends it again. blocked: consent
    was missing as it left. unknown: it may have arrived, and is not sent again, as the destination
    would take a repetition for news.
    """

    sent = "sent"
    invalid = "invalid"
    rejected = "rejected"
    retry = "retry"
    blocked = "blocked"
    unknown = "unknown"


@dataclass(
    slots=True
)  # not frozen: there are millions of them, and a frozen one takes three times as long to make
class Row:
    """One row of a plan; nobody changes it.

    row_key: our name of the row. profile_id: the profile of the row. identity: the value of the
    sync's key column, which names the profile at the destination. ledger_key: the key in the
    ledger: the identity, or the row_key if a profile has several rows. values: columns as sent;
    empty for a removal. destination_id: the id that the destination gave, if it gives one.
    has_been_there: an addition of a row that this sync once removed. identifiers: what names the
    profile at the destination, as the destination gets it; of a removal, what it got before; None
    where the identity alone names it. changed: names of the columns whose values the destination
    does not have yet; None for all, or where it is not known.
    """

    operation: Operation
    row_key: str
    profile_id: str
    identity: str = field(repr=False)
    ledger_key: str = field(repr=False)
    payload_hash: str
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    destination_id: str | None = None
    has_been_there: bool = False
    identifiers: str | None = field(default=None, repr=False)
    changed: frozenset[str] | None = None


@dataclass(frozen=True)
class Batch:
    """Rows of one request, all removals or none. request_id is the same however often the same rows
    are tried.
    """

    request_id: str
    rows: Sequence[Row]

    @property
    def is_removal(self) -> bool:
        """Whether the rows leave the destination."""
        return self.rows[0].operation is Operation.remove


@dataclass(slots=True)
class RowOutcome:
    """The outcome of a row, with a reason free of personal data where it was not sent."""

    row: Row
    status: Status
    reason: str = ""
    destination_id: str | None = None


@dataclass(frozen=True)
class Pending:
    """The destination took the batch as a job that is polled for its result."""

    job_id: str


@dataclass(frozen=True)
class Accepted:
    """The destination took the batch, and is at work on it for longer than a run waits: the next
    runs ask for the end. A row counts as sent meanwhile.
    """

    job_id: str


@dataclass(frozen=True)
class AllSent(Sequence[RowOutcome]):
    """The outcomes of rows that were all sent; one is made when it is asked for."""

    rows: Sequence[Row]

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, place: int) -> RowOutcome: ...
    @overload
    def __getitem__(self, place: slice) -> AllSent: ...
    def __getitem__(self, place: int | slice) -> RowOutcome | AllSent:
        if isinstance(place, slice):
            return AllSent(self.rows[place])
        return RowOutcome(self.rows[place], Status.sent)

    def __iter__(self) -> Iterator[RowOutcome]:
        return (RowOutcome(row, Status.sent) for row in self.rows)


def count_sent(outcomes: Sequence[RowOutcome]) -> int:
    """How many of the rows were sent."""
    if isinstance(outcomes, AllSent):
        return len(outcomes)
    return sum(outcome.status is Status.sent for outcome in outcomes)


Result = Sequence[RowOutcome] | Pending | Accepted


def all_sent(rows: Sequence[Row]) -> AllSent:
    """Every row sent."""
    return AllSent(rows)
