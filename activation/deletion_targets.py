"""Where people have to be deleted: every place ever written to whose sync has rows of them, or once
sent them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sa

from activation import deletion
from activation.ledger import tables as t
from activation.ledger import written_places
from activation.ledger.database import Ledger
from activation.ledger.deployed import FORMER
from activation.ledger.written_places import Written
from activation.model import Operation, Row, Status
from segmentry.settings import Settings
from segmentry.tombstones import pseudonym

_CHUNK = 500  # profiles of one statement; SQLite takes some thousands of parameters
# A row of one of these outcomes is at the destination, or may be.
_ARRIVED = (Status.sent, Status.unknown, Status.retry)


@dataclass(frozen=True)
class DeletedPeople:
    """Who is deleted. identifiers: normal forms by type; are_in: whether a text names them."""

    profiles: frozenset[str]
    identifiers: Mapping[str, Sequence[str]] = field(repr=False)
    are_in: Callable[[str], bool] = field(repr=False)


@dataclass(frozen=True)
class Target:
    """One deletion of one row at one place. identity names the person there; it is kept with the
    open erasure alone, and the ledger knows the target by its id and a keyed hash.
    """

    deletion_id: str
    place_id: str
    sync: str
    destination: str
    person: str
    profile_id: str
    row_key: str
    identity: str = field(repr=False)
    destination_id: str | None = None
    identifiers: str | None = field(default=None, repr=False)

    def as_record(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    def as_row(self) -> Row:
        """The row as destinations know it."""
        return Row(
            Operation.remove, self.row_key, self.profile_id, self.identity, self.identity, "", {},
            self.destination_id, identifiers=self.identifiers,
        )  # fmt: skip


def find(settings: Settings, erasure: str, people: DeletedPeople) -> list[Target]:
    """Every deletion that the people need, by place; a second call finds the same ones."""
    ledger = Ledger(settings)
    try:
        there = _rows_there(ledger, people)
        sent = _rows_sent(ledger, people)
        found: dict[str, Target] = {}
        for written in written_places.of(ledger):
            for row in _rows_of(written, people, there[written.name], sent):
                target = _target(settings, erasure, written, row)
                found.setdefault(target.deletion_id, target)
        return list(found.values())
    finally:
        ledger.close()


def without_place(settings: Settings, people: DeletedPeople) -> list[str]:
    """Syncs that once sent the people, and of which nothing states any more where to."""
    ledger = Ledger(settings)
    try:
        known = {_base(written.name) for written in written_places.of(ledger)}
        sent = _rows_sent(ledger, people)
    finally:
        ledger.close()
    return sorted(name for name, rows in sent.items() if rows and name not in known)


def _base(name: str) -> str:
    return name.partition(FORMER)[0]


def _rows_there(ledger: Ledger, people: DeletedPeople) -> dict[str, list[Row]]:
    table = t.destination_rows
    found: dict[str, list[Row]] = defaultdict(list)
    columns = (
        table.c.sync, table.c.row_key, table.c.profile_id, table.c.identity,
        table.c.destination_id, table.c.identifiers,
    )  # fmt: skip
    with ledger.begin() as c:
        for sync, row_key, profile, identity, their_id, identifiers in c.execute(
            sa.select(*columns).order_by(*table.primary_key.columns)
        ):
            if profile in people.profiles or people.are_in(f"{row_key}\n{identity}"):
                row = Row(Operation.remove, row_key, profile or "", identity, identity, "", {},
                          their_id, identifiers=identifiers)  # fmt: skip
                found[sync].append(row)
    return found


def _rows_sent(ledger: Ledger, people: DeletedPeople) -> dict[str, list[tuple[str, str]]]:
    """(row_key, profile_id) of every row that a sync once sent of the people."""
    table = t.changes
    profiles = sorted(people.profiles)
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    columns = (table.c.sync, table.c.row_key, table.c.profile_id)
    arrived = table.c.status.in_([one.value for one in _ARRIVED])
    with ledger.begin() as c:
        for start in range(0, len(profiles), _CHUNK):
            theirs = table.c.profile_id.in_(profiles[start : start + _CHUNK])
            statement = sa.select(*columns).where(theirs, arrived).distinct()
            for sync, row_key, profile in c.execute(statement.order_by(*columns)):
                found[sync].append((row_key, profile))
    return found


def _rows_of(
    written: Written,
    people: DeletedPeople,
    there: Sequence[Row],
    sent: Mapping[str, Sequence[tuple[str, str]]],
) -> Iterator[Row]:
    """Rows to delete at a place: those that are there, and the people's identifiers of the key's
    type where a row of theirs was sent once.
    """
    way = deletion.of(written.sync.destination)
    if way.names_nobody:
        return
    for row in there:
        yield row if written.is_present else _elsewhere(row)
    once = sent.get(_base(written.name), ())
    if not once and not there:
        return
    kind = _type_of_key(written)
    for row_key, profile in once if way.by_row else once[:1]:
        values: Iterable[str] = people.identifiers.get(kind, ())
        if kind == "profile_id":
            values = [profile] if way.by_row else sorted(people.profiles)
        for value in values:
            yield Row(Operation.remove, row_key, profile, value, value, "")


def _elsewhere(row: Row) -> Row:
    """The row without the tool's own id, which another account gave."""
    return Row(Operation.remove, row.row_key, row.profile_id, row.identity, row.identity, "", {},
               identifiers=row.identifiers)  # fmt: skip


def _type_of_key(written: Written) -> str:
    sync = written.sync
    column = next(column for column in sync.columns if column.name == sync.key)
    return str(column.value) if column.source == "from" else ""


def _target(settings: Settings, erasure: str, written: Written, row: Row) -> Target:
    by_row = deletion.of(written.sync.destination).by_row
    named = [erasure, written.place_id, f"identity {row.identity}"]
    named += [f"row {row.row_key}"] if by_row else []
    return Target(
        deletion_id=pseudonym(settings, named),
        place_id=written.place_id,
        sync=written.name,
        destination=written.sync.destination,
        person=pseudonym(settings, [f"identity {row.identity}"]),
        profile_id=row.profile_id,
        row_key=row.row_key,
        identity=row.identity,
        destination_id=row.destination_id,
        identifiers=row.identifiers,
    )
