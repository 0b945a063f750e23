"""How a person is deleted at a kind of destination: one file of activation/deletions for each file
of activation/destinations, of the same name, with a DELETION.

To remove a person from an audience leaves the record that the tool has of them; a deletion takes
the record. It never creates, subscribes or unsubscribes a person.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import ClassVar

from activation.destination import Destination, DestinationSession, all_destinations
from activation.model import Accepted, Batch, Operation, Pending, Row
from activation.redact import clean
from segmentry import discovery

_ID = re.compile(r"[A-Za-z][A-Za-z0-9_.:#-]{0,79}|[0-9a-f-]{8,80}")


@dataclass(frozen=True)
class Receipt:
    """What a tool answered to the deletion of one row. text: its own id of the request or its
    status, free of personal data. job: what to ask it by for the end; is_refused: it did not take
    the request.
    """

    row: Row
    text: str
    job: str = ""
    is_refused: bool = False


class Deletion(ABC):
    """Deletes people at one kind of tool.

    batch_rows: most people of one request. proof: how the end is known, for the documentation.
    needs: settings of the connection without which an operator has to delete by hand. by_row: the
    tool knows people by our name of each row.
    """

    batch_rows: ClassVar[int] = 100
    proof: ClassVar[str] = "read-back"
    needs: ClassVar[tuple[str, ...]] = ()
    is_by_hand: ClassVar[bool] = False
    names_nobody: ClassVar[bool] = False
    by_row: ClassVar[bool] = False

    @abstractmethod
    def request(self, session: DestinationSession, batch: Batch) -> list[Receipt]:
        """Have these people deleted. A person who is not known there counts as deleted.

        Raises client.RequestRefused when the whole batch was refused.
        """

    def present(self, session: DestinationSession, rows: Collection[Row]) -> set[str] | None:
        """Identities of the people who are still there; None where it cannot be read."""
        return None

    def is_finished(self, session: DestinationSession, job: str) -> bool:
        """Whether the job of a receipt is at its end."""
        return True


class ByHand(Deletion):
    """A tool without an end point for deletions, or one that a sync has no access to."""

    proof = "an operator's receipt"
    is_by_hand = True

    def request(self, session: DestinationSession, batch: Batch) -> list[Receipt]:
        """Never called."""
        raise NotImplementedError


class Removal(Deletion):
    """A tool in which a row is all that it has of a person: the removal is the deletion."""

    def request(self, session: DestinationSession, batch: Batch) -> list[Receipt]:
        """Remove the rows; a tool may take them as a job."""
        outcomes = destination_of(session).remove(session, batch)
        if isinstance(outcomes, Pending | Accepted):
            job = outcomes.job_id
            return all_taken(batch.rows, f"request {receipt_id(job)}", job)
        return [
            Receipt(one.row, one.reason or "removed", is_refused=one.status != "sent")
            for one in outcomes
        ]

    def present(self, session: DestinationSession, rows: Collection[Row]) -> set[str] | None:
        """Those of the rows that the tool has."""
        members = destination_of(session).members(session)
        return None if members is None else among(rows, members)

    def is_finished(self, session: DestinationSession, job: str) -> bool:
        """Whether the job is at its end and did not fail."""
        row = Row(Operation.remove, "", "", "", "", "")
        result = destination_of(session).poll(session, Batch("deletion", [row]), job)
        if isinstance(result, Pending | Accepted):
            return False
        return all(one.status == "sent" for one in result)


class FileRemoval(Removal):
    """A file of the whole audience, which is written again without the people."""

    batch_rows = 100_000

    def request(self, session: DestinationSession, batch: Batch) -> list[Receipt]:
        """Write the file again."""
        destination_of(session).withdraw(session, {row.identity for row in batch.rows})
        return all_taken(batch.rows, "the file was written again")


def destination_of(session: DestinationSession) -> Destination:
    """The destination of the session's sync."""
    return all_destinations()[session.sync.destination]


def among(rows: Collection[Row], members: Iterable[str]) -> set[str]:
    """Identities of the rows that are among the members, whose case may differ."""
    wanted = {row.identity.lower(): row.identity for row in rows}
    return {wanted[one.lower()] for one in members if one.lower() in wanted}


def all_taken(rows: Iterable[Row], text: str, job: str = "") -> list[Receipt]:
    """Every request taken."""
    return [Receipt(row, text, job) for row in rows]


def receipt_id(value: object) -> str:
    """A tool's own id as a receipt keeps it: one that could be an address or a number of a person
    is left out.
    """
    text = str(value)
    return text if _ID.fullmatch(text) else clean(text)


def all_deletions() -> dict[str, Deletion]:
    """Every deletion by the name of its file, which is that of the destination."""
    return discovery.members("activation.deletions", "DELETION", Deletion)  # type: ignore[type-abstract]


def of(name: str) -> Deletion:
    """How people are deleted at this destination; by an operator where no file states it."""
    return all_deletions().get(name) or ByHand()
