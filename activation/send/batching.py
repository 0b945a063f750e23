"""Which rows make one request, and the id by which a receiver recognizes a repetition.
``Sender`` cuts plans and withdrawals by it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import orjson

from activation.destination import Destination
from activation.model import Batch, Operation, Row
from activation.row_table import RowTable, are_removals, joined
from segmentry.sync_config import SyncConfig


def batches(
    chunks: Iterable[Sequence[Row]], sync: SyncConfig, destination: Destination
) -> Iterator[Sequence[Row]]:
    """The rows of one request each: removals alone or none, and no more than the destination
    takes.
    """
    limit = most_rows(sync, destination)
    kept: Sequence[Row] = []
    for rows in _alike(chunks):
        if kept and are_removals(kept) != are_removals(rows):
            yield from _fitting(kept, destination.batch_bytes)
            kept = []
        kept = joined(kept, rows)
        while len(kept) >= limit:
            yield from _fitting(kept[:limit], destination.batch_bytes)
            kept = kept[limit:]
    if kept:
        yield from _fitting(kept, destination.batch_bytes)


def most_rows(sync: SyncConfig, destination: Destination) -> int:
    """Most rows of one request: the destination's limit, or the sync's own if that is lower."""
    own = sync.limits.batch_rows
    most = destination.rows_of_request(sync)
    return most if own is None else min(own, most)


def batch_of(sync: str, sent_before: int, rows: Sequence[Row]) -> Batch:
    """A request of these rows.

    The same rows with the same content, tried again before anything else was acknowledged, have
    the same id: so a receiver recognizes a repetition. After an acknowledgement the same
    content is a new request.
    """
    if isinstance(rows, RowTable):
        named = map("|".join, zip(rows.ledger_keys, rows.payload_hashes, strict=True))
    else:
        named = map("|".join, ((r.ledger_key, r.payload_hash) for r in rows))
    text = "\n".join([sync, str(sent_before), *named])
    fixed = rows if isinstance(rows, RowTable) else list(rows)
    return Batch(hashlib.sha256(text.encode()).hexdigest()[:32], fixed)


def _alike(chunks: Iterable[Sequence[Row]]) -> Iterator[Sequence[Row]]:
    """Rows of a chunk that are removals alone or none."""
    for chunk in chunks:
        if isinstance(chunk, RowTable):
            yield chunk
        else:
            yield from (list(rows) for _, rows in groupby(chunk, _is_removal))


def _fitting(rows: Sequence[Row], most_bytes: int) -> Iterator[Sequence[Row]]:
    """The rows at once, or in halves where they are more bytes than the destination takes."""
    if len(rows) == 1 or _length(rows) <= most_bytes:
        yield rows
        return
    middle = len(rows) // 2
    yield from _fitting(rows[:middle], most_bytes)
    yield from _fitting(rows[middle:], most_bytes)


def _is_removal(row: Row) -> bool:
    return row.operation is Operation.remove


def _length(rows: Sequence[Row]) -> int:
    # A measure of the rows' JSON: the limits of the destinations leave room for what each writes
    # around it.
    if isinstance(rows, RowTable):
        names = sum(len(name) + 4 for name in rows.values)
        keys = sum(map(len, rows.identities)) + (96 + names) * len(rows)
        return len(orjson.dumps([*rows.values.values()], default=str)) + keys
    values = orjson.dumps([row.values for row in rows], default=str)
    return len(values) + sum(96 + len(row.identity) + len(row.identifiers or "") for row in rows)
