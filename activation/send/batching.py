"""Which rows make one request, and the id by which a receiver recognizes a repetition.
``Sender`` cuts plans and withdrawals by it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby

import orjson

from activation.destination import Destination
from activation.model import Batch, Operation, Row
from segmentry.sync_config import SyncConfig


def batches(
    chunks: Iterable[list[Row]], sync: SyncConfig, destination: Destination
) -> Iterator[list[Row]]:
    """The rows of one request each: removals alone or none, and no more than the destination
    takes.
    """
    limit = most_rows(sync, destination)
    kept: list[Row] = []
    for is_removal, rows in chain.from_iterable(groupby(chunk, _is_removal) for chunk in chunks):
        if kept and _is_removal(kept[0]) != is_removal:
            yield from _fitting(kept, destination.batch_bytes)
            kept = []
        kept += rows
        while len(kept) >= limit:
            yield from _fitting(kept[:limit], destination.batch_bytes)
            del kept[:limit]
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
    text = "\n".join([sync, str(sent_before), *(f"{r.ledger_key}|{r.payload_hash}" for r in rows)])
    return Batch(hashlib.sha256(text.encode()).hexdigest()[:32], list(rows))


def _fitting(rows: list[Row], most_bytes: int) -> Iterator[list[Row]]:
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
    values = orjson.dumps([row.values for row in rows], default=str)
    return len(values) + sum(96 + len(row.identity) + len(row.identifiers or "") for row in rows)
