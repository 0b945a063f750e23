"""Finds the rows that a batch was refused for, in few requests, and stops where no row is at fault.
``request`` gives it a batch that was refused as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from activation import refusals
from activation.client import RequestRefused
from activation.model import Row, RowOutcome, Status
from activation.refusals import Reason
from activation.send.sending import Sending

SPLIT = frozenset({400, 409, 413, 422})  # answers that one row of the batch may have caused
_FEWEST = 8  # of fewer rows, all may be at fault
_MANY = 16


@dataclass(frozen=True)
class Refused:
    """Rows that were refused as a whole, by the request of that id."""

    rows: Sequence[Row]
    request_id: str
    refusal: RequestRefused

    @property
    def reason(self) -> Reason:
        """What the vendor states."""
        return refusals.read(self.refusal)


Attempt = Callable[[Sequence[Row]], Refused | None]


@dataclass
class Splitting:
    """The search in one batch. attempt: sends rows by one request; None where it was not refused
    as a whole.

    One cause takes at most 2 x log2(rows) requests. Where both halves are refused alike, and rows
    from all over the batch alone as well, the request is wrong and not the people.
    """

    sending: Sending
    attempt: Attempt

    def split(self, refused: Refused) -> None:
        """Settle every row of a refused batch; raise DestinationError where it is no row's
        fault.
        """
        self._stop_if_wrong(refused)
        rows = refused.rows
        if len(rows) == 1:
            self._reject(refused)
            return
        middle = len(rows) // 2
        halves = [self._asked(half) for half in (rows[:middle], rows[middle:])]
        left = [half for half in halves if half is not None]
        may_be_wrong = len(rows) >= _FEWEST and not refused.refusal.counts_rows
        if may_be_wrong and len(left) == 2 and _are_alike([refused, *left]):
            self._probe(refused, left)
            return
        for half in left:
            self._search(half)

    def _asked(self, rows: Sequence[Row]) -> Refused | None:
        refused = self.attempt(rows) if rows else None
        if refused is not None:
            self._stop_if_wrong(refused)
        return refused

    def _search(self, refused: Refused) -> None:
        """Narrow down to one row at a time; what was put aside goes as one request."""
        found: Refused | None = refused
        while found is not None:
            aside: list[Row] = []
            while found is not None and len(found.rows) > 1:
                middle = len(found.rows) // 2
                first = found.rows[:middle]
                second = found.rows[middle:]
                narrowed = self._asked(first)
                if narrowed is not None:
                    aside = [*second, *aside]
                found = narrowed or self._asked(second)
            if found is not None:
                self._reject(found)
            found = self._asked(aside)

    def _probe(self, refused: Refused, halves: list[Refused]) -> None:
        """Send rows from all over the batch alone: one that is not refused alike shows that the
        request is right.
        """
        rows = refused.rows
        number = 5 if len(rows) >= _MANY else 3
        places = [place * (len(rows) - 1) // (number - 1) for place in range(number)]
        alone: list[Refused] = []
        tried: set[str] = set()
        for place in places:
            row = rows[place]
            answer = self._asked([row])
            tried.add(row.row_key)
            if answer is not None:
                alone.append(answer)
            if answer is None or not _are_alike([refused, answer]):
                break
        else:
            self._stop(refused, rows)
        for one in alone:
            self._reject(one)
        for half in halves:
            rest = [row for row in half.rows if row.row_key not in tried]
            found = self._asked(rest)
            if found is not None:
                self._search(found)

    def _reject(self, refused: Refused) -> None:
        row = refused.rows[0]
        codes = ", ".join(sorted(refused.reason.codes))
        reason = f"refused with status {refused.refusal.status}" + (codes and f", code {codes}")
        self.sending.record(refused.request_id, [RowOutcome(row, Status.rejected, reason)])

    def _stop_if_wrong(self, refused: Refused) -> None:
        is_known = bool(refused.reason.codes & self.sending.destination.request_errors)
        if refused.refusal.status not in SPLIT or is_known:
            self._stop(refused, refused.rows)

    def _stop(self, refused: Refused, rows: Sequence[Row]) -> None:
        reason = str(refused.reason)
        self.sending.record(
            refused.request_id, [RowOutcome(row, Status.retry, reason) for row in rows]
        )
        place = f"the options and the connection of {self.sending.sync.path.name}"
        raise refusals.stop(reason, place)


def _are_alike(refused: Sequence[Refused]) -> bool:
    first = refused[0].reason
    return all(first.is_like(other.reason) for other in refused[1:])
