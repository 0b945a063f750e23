"""Requests without a known outcome: written before a call, deleted when its outcomes are recorded.
Requests write them, and the recovery of the next run reads them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import repeat

import orjson
import sqlalchemy as sa

from activation.ledger import tables as t
from activation.ledger.database import Ledger, now
from activation.model import Batch, Operation, Row
from activation.row_table import RowTable
from segmentry import row_profile


@dataclass(frozen=True)
class Intent:
    """A request that was about to be made and without a known outcome; job_id where the destination
    made a job of it.
    """

    batch: Batch
    job_id: str | None
    created_at: datetime


def intend(ledger: Ledger, sync: str, run_id: str, batch: Batch) -> None:
    """Write down what is about to be called."""
    intent = {
        "request_id": batch.request_id,
        "sync": sync,
        "run_id": run_id,
        "job_id": None,
        "created_at": now(),
    }
    with ledger.begin() as c:
        ledger.upsert(c, t.intents, [{**intent, "rows": _packed(batch.rows)}])


def job_started(ledger: Ledger, request_id: str, job_id: str) -> None:
    """Keep the id of the job the destination made of a request."""
    with ledger.begin() as c:
        c.execute(
            sa.update(t.intents).where(t.intents.c.request_id == request_id).values(job_id=job_id)
        )


def close(connection: sa.Connection, request_id: str) -> None:
    """Drop a request whose outcome is known, in the transaction that records its outcomes."""
    connection.execute(sa.delete(t.intents).where(t.intents.c.request_id == request_id))


def of(ledger: Ledger, sync: str) -> list[Intent]:
    """Requests without a known outcome, oldest first."""
    i = t.intents
    with ledger.begin() as c:
        found = c.execute(
            sa.select(i).where(i.c.sync == sync).order_by(i.c.created_at, i.c.request_id)
        ).all()
    return [Intent(Batch(x.request_id, _unpacked(x.rows)), x.job_id, x.created_at) for x in found]


def is_open(ledger: Ledger, sync: str) -> bool:
    """Whether the sync has a request without a known outcome."""
    with ledger.begin() as c:
        return bool(c.execute(sa.select(sa.exists().where(t.intents.c.sync == sync))).scalar_one())


def _packed(rows: Sequence[Row]) -> bytes:
    if isinstance(rows, RowTable):
        names = (operation._value_ for operation in rows.operations)
        keys = (rows.row_keys, rows.identities, rows.ledger_keys, rows.payload_hashes)
        ends = (rows.destination_ids, rows.profile_ids, repeat(None))
        return orjson.dumps(list(zip(names, *keys, *ends, strict=False)))
    parts = [
        [
            r.operation._value_, r.row_key, r.identity, r.ledger_key, r.payload_hash,
            r.destination_id, r.profile_id, r.identifiers,
        ]
        for r in rows
    ]  # fmt: skip
    return orjson.dumps(parts)


def _unpacked(packed: bytes) -> list[Row]:
    # A request of an older version names no profiles, or no identifiers.
    return [
        Row(
            Operation(operation), key, named[0] if named else row_profile.of_key(key), identity,
            ledger_key, payload_hash, {}, their_id,
            identifiers=named[1] if len(named) > 1 else None,
        )
        for operation, key, identity, ledger_key, payload_hash, their_id, *named in orjson.loads(
            packed
        )
    ]  # fmt: skip
