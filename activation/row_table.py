"""Rows in columns: what leaves by the million is one list for each column, not one object a row.
Plans make them; the gate, requests and the ledger read their columns, all else sees rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, overload

from activation.model import Operation, Row


@dataclass(frozen=True)
class RowTable(Sequence[Row]):
    """Additions and updates in columns of one length; a row is made when it is asked for.

    values: the columns that are sent, by name. destination_ids: None where the destination gave
    none. No row has identifiers, and none was removed before: such rows are made one by one.
    """

    values: Mapping[str, Sequence[Any]] = field(repr=False)
    operations: Sequence[Operation]
    row_keys: Sequence[str]
    profile_ids: Sequence[str]
    identities: Sequence[str] = field(repr=False)
    ledger_keys: Sequence[str] = field(repr=False)
    payload_hashes: Sequence[str]
    destination_ids: Sequence[str | None]

    def __len__(self) -> int:
        return len(self.row_keys)

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> RowTable: ...
    def __getitem__(self, place: int | slice) -> Row | RowTable:
        if isinstance(place, slice):
            parts = (column[place] for column in self._columns())
            return RowTable({name: v[place] for name, v in self.values.items()}, *parts)
        return next(iter(self[place : place + 1 or None]))

    def __iter__(self) -> Iterator[Row]:
        ids = self.destination_ids
        keys = (self.row_keys, self.profile_ids, self.identities, self.ledger_keys)
        return map(Row, self.operations, *keys, self.payload_hashes, self.value_rows(), ids)

    def value_rows(self) -> Iterator[dict[str, Any]]:
        """The values of each row by column."""
        if not self.values:
            return ({} for _ in self.row_keys)
        return map(dict, map(zip, repeat(tuple(self.values)), zip(*self.values.values())))  # noqa: B905

    def and_then(self, other: RowTable) -> RowTable:
        """These rows, then the others, which have the same columns."""
        parts = (
            [*mine, *theirs] for mine, theirs in zip(self._columns(), other._columns(), strict=True)
        )
        values = {name: [*v, *other.values[name]] for name, v in self.values.items()}
        return RowTable(values, *parts)

    def _columns(self) -> tuple[Sequence[Any], ...]:
        keys = (self.row_keys, self.profile_ids, self.identities, self.ledger_keys)
        return (self.operations, *keys, self.payload_hashes, self.destination_ids)


def joined(rows: Sequence[Row], others: Sequence[Row]) -> Sequence[Row]:
    """These rows, then the others; in columns where both are."""
    if not rows:
        return others
    if isinstance(rows, RowTable) and isinstance(others, RowTable):
        return rows.and_then(others)
    return [*rows, *others]


def column(rows: Sequence[Row], name: str) -> list[Any]:
    """One of the values that are sent, row by row; None where a row does not have it."""
    if isinstance(rows, RowTable):
        found = rows.values.get(name)
        return [None] * len(rows) if found is None else list(found)
    return [row.values.get(name) for row in rows]


def profile_ids(rows: Sequence[Row]) -> list[str]:
    """The profile of each row."""
    return list(rows.profile_ids) if isinstance(rows, RowTable) else [r.profile_id for r in rows]


def row_keys(rows: Sequence[Row]) -> list[str]:
    """The key of each row."""
    return list(rows.row_keys) if isinstance(rows, RowTable) else [row.row_key for row in rows]


def named(rows: Sequence[Row]) -> Iterable[tuple[str, str, Operation]]:
    """Row key, identity and operation of each row."""
    if isinstance(rows, RowTable):
        return zip(rows.row_keys, rows.identities, rows.operations, strict=True)
    return ((row.row_key, row.identity, row.operation) for row in rows)


def are_removals(rows: Sequence[Row]) -> bool:
    """Whether the rows, which are removals alone or none, are removals."""
    return not isinstance(rows, RowTable) and rows[0].operation is Operation.remove
