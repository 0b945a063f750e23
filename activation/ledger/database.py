"""What was meant to be sent, what was, and what every destination holds: SQL, on SQLite or
PostgreSQL by URL.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgres_insert

from activation.ledger import sql
from activation.ledger import tables as t
from activation.model import Batch, Operation, Row, RowOutcome, Status
from segmentry.settings import Settings

# In the order in which the values of a row are given.
HELD = (
    "sync",
    "holding",
    "row_key",
    "identity",
    "destination_id",
    "payload_hash",
    "acknowledged_at",
)
CHANGES = ("sync", "run_id", "row_key", "operation", "status", "reason", "request_id", "sent_at")
SENT = "sent_rows"  # the measure that counts what was ever acknowledged


def now() -> datetime:
    """The wall clock, naive UTC: for audit stamps alone."""
    return datetime.now(UTC).replace(tzinfo=None)


@dataclass(frozen=True)
class Intent:
    """A request that was about to be made and whose end is not known; job_id where the destination
    made a job of it.
    """

    batch: Batch
    job_id: str | None
    created_at: datetime


class Ledger:
    """The ledger of one installation. Every method is one transaction, so a kill leaves no half of
    anything.
    """

    def __init__(self, settings: Settings) -> None:
        self.engine = sql.engine(settings.ledger_url)
        t.METADATA.create_all(self.engine)
        sql.rename_columns(self.engine, t.RENAMED)

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """One transaction."""
        with self.engine.begin() as connection:
            yield connection

    def upsert(
        self, connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]
    ) -> None:
        """Insert rows, or bring those with the same primary key to these values."""
        if rows:
            values = [tuple(self._moment(value) for value in row.values()) for row in rows]
            self.write(connection, table, list(rows[0]), values)

    def _moment(self, value: Any) -> Any:
        is_text = isinstance(value, datetime) and self.engine.dialect.name == "sqlite"
        return sql.stamped(value) if is_text else value

    def write(
        self,
        connection: sa.Connection,
        table: sa.Table,
        names: Sequence[str],
        rows: Sequence[tuple[Any, ...]],
    ) -> None:
        """The same for values in the order of names; rows of changes, which have no key yet, are
        added.
        """
        if not rows:
            return
        keys = [] if table is t.changes else [column.name for column in table.primary_key]
        if self.engine.dialect.name == "sqlite":
            sql.write_to_sqlite(connection, table, keys, names, rows)
            return
        statement = postgres_insert(table)
        if keys:
            values = {name: statement.excluded[name] for name in names if name not in keys}
            statement = statement.on_conflict_do_update(index_elements=keys, set_=values)
        connection.execute(statement, [dict(zip(names, row, strict=True)) for row in rows])

    # Intents: written before a call, gone when its end is known.

    def intend(self, sync: str, run_id: str, batch: Batch) -> None:
        """Write down what is about to be called."""
        intent = {
            "request_id": batch.request_id,
            "sync": sync,
            "run_id": run_id,
            "job_id": None,
            "created_at": now(),
        }
        with self.begin() as c:
            self.upsert(c, t.intents, [{**intent, "rows": _packed(batch.rows)}])

    def job_started(self, request_id: str, job_id: str) -> None:
        """Keep the id of the job the destination made of a request."""
        with self.begin() as c:
            c.execute(
                sa.update(t.intents)
                .where(t.intents.c.request_id == request_id)
                .values(job_id=job_id)
            )

    def open_intents(self, sync: str) -> list[Intent]:
        """Requests whose end is not known, oldest first."""
        i = t.intents
        with self.begin() as c:
            found = c.execute(
                sa.select(i).where(i.c.sync == sync).order_by(i.c.created_at, i.c.request_id)
            ).all()
        return [
            Intent(Batch(x.request_id, _unpacked(x.rows)), x.job_id, x.created_at) for x in found
        ]

    # Outcomes.

    def record_outcomes(
        self,
        sync: str,
        run_id: str,
        request_id: str | None,
        outcomes: Sequence[RowOutcome],
        *,
        keeps_removed: bool = False,
    ) -> None:
        """Record the outcomes of a request's rows, and drop its intent, in one transaction.

        keeps_removed: remember who was removed, so that it is done once.
        """
        moment = now()
        stamp = self._moment(moment)
        kept, gone = _held_and_gone(sync, outcomes, stamp, keeps_removed)
        arrived = [o for o in outcomes if o.status is Status.sent or o.status is Status.unknown]
        changes = [
            (
                sync,
                run_id,
                o.row.row_key,
                o.row.operation._value_,
                o.status._value_,
                o.reason,
                request_id,
                stamp,
            )
            for o in outcomes
        ]
        with self.begin() as c:
            self.write(c, t.held_rows, HELD, kept)
            self._delete(c, t.held_rows.c.holding, sync, gone)
            self._record_dead_letters(c, sync, outcomes, [o.row.row_key for o in arrived], moment)
            self.write(c, t.changes, CHANGES, changes)
            self._count_sent(c, sync, sum(o.status is Status.sent for o in arrived))
            if request_id is not None:
                c.execute(sa.delete(t.intents).where(t.intents.c.request_id == request_id))

    def _delete(
        self, c: sa.Connection, column: sa.Column[Any], sync: str, values: Sequence[str]
    ) -> None:
        if values:
            table = column.table
            statement = sa.delete(table).where(
                table.c.sync == sync, column == sa.bindparam("wanted")
            )
            c.execute(statement, [{"wanted": value} for value in values])

    def _record_dead_letters(
        self,
        c: sa.Connection,
        sync: str,
        outcomes: Sequence[RowOutcome],
        settled: Sequence[str],
        stamp: datetime,
    ) -> None:
        dead = [o for o in outcomes if o.status is Status.invalid or o.status is Status.rejected]
        table = t.dead_letters
        earlier = {}
        if dead:
            keys = [o.row.row_key for o in dead]
            for start in range(
                0, len(keys), 500
            ):  # SQLite takes at most 32,766 parameters in one statement
                chosen = table.c.row_key.in_(keys[start : start + 500])
                found = c.execute(sa.select(table).where(table.c.sync == sync, chosen)).all()
                earlier.update({x.row_key: (x.attempts, x.first_at) for x in found})
        self.upsert(c, table, [_dead(sync, o, stamp, earlier.get(o.row.row_key)) for o in dead])
        if settled and c.execute(sa.select(sa.exists().where(table.c.sync == sync))).scalar_one():
            self._delete(c, table.c.row_key, sync, settled)

    def forget_dead(self, sync: str) -> int:
        """Let every dead letter of a sync be tried again; return how many there were."""
        with self.begin() as c:
            return int(
                c.execute(sa.delete(t.dead_letters).where(t.dead_letters.c.sync == sync)).rowcount
            )

    def mark_unconfirmed(self, sync: str, holdings: Sequence[str]) -> None:
        """Count rows as perhaps not there, so that they are sent again."""
        h = t.held_rows
        statement = (
            sa.update(h)
            .where(h.c.sync == sync, h.c.holding == sa.bindparam("wanted"))
            .values(payload_hash=None)
        )
        with self.begin() as c:
            c.execute(statement, [{"wanted": holding} for holding in holdings])

    def record_unconfirmed(self, sync: str, rows: Sequence[Row]) -> None:
        """Count rows as perhaps there: whatever is wanted later, an update or a removal, is then
        planned.
        """
        with self.begin() as c:
            self.write(c, t.held_rows, HELD, [_unconfirmed(sync, row) for row in rows])

    def sent_count(self, sync: str) -> int:
        """Rows ever acknowledged: a number that only an acknowledgement moves on."""
        with self.begin() as connection:
            return self._sent_count(connection, sync)

    def _sent_count(self, connection: sa.Connection, sync: str) -> int:
        m, c = t.sync_measures.c, t.changes.c
        chosen = sa.select(m.value).where(m.sync == sync, m.name == SENT)
        if (counted := connection.execute(chosen).scalar_one_or_none()) is not None:
            return int(counted)
        sent = sa.select(sa.func.count()).where(c.sync == sync, c.status == Status.sent.value)
        found = int(connection.execute(sent).scalar_one())
        self.write(
            connection, t.sync_measures, ("sync", "name", "value"), [(sync, SENT, float(found))]
        )
        return found

    def _count_sent(self, connection: sa.Connection, sync: str, sent: int) -> None:
        m = t.sync_measures
        if sent:
            counted = (
                sa.update(m)
                .where(m.c.sync == sync, m.c.name == SENT)
                .values(value=m.c.value + sent)
            )
            connection.execute(counted)

    def once_removed(self, sync: str) -> set[str]:
        """Keys of the rows that were ever removed."""
        c = t.changes.c
        gone = c.sync == sync, c.operation == Operation.remove.value, c.status == Status.sent.value
        with self.begin() as connection:
            return set(connection.execute(sa.select(c.row_key).where(*gone).distinct()).scalars())

    def sent_since(self, sync: str, moment: datetime) -> dict[str, int]:
        """How many rows of each person were sent, or may have been, since a moment; removals are
        not counted.
        """
        c = t.changes.c
        counted = Counter[str]()
        arrived = c.status.in_([Status.sent.value, Status.unknown.value])
        chosen = c.sync == sync, c.sent_at >= moment, arrived, c.operation != Operation.remove.value
        with self.begin() as connection:
            for (row_key,) in connection.execute(sa.select(c.row_key).where(*chosen)):
                counted[row_key.partition(":")[0]] += 1
        return dict(counted)

    # Reading.

    def held(self, sync: str) -> pa.Table:
        """Rows the destination is known, or feared, to hold."""
        h = t.held_rows.c
        statement = sa.select(h.holding, h.row_key, h.identity, h.destination_id, h.payload_hash)
        names = ("holding", "row_key", "identity", "destination_id", "payload_hash")
        return self._arrow(
            statement.where(h.sync == sync), pa.schema([(name, pa.string()) for name in names])
        )

    def dead(self, sync: str) -> pa.Table:
        """Rows not to be tried again as they are."""
        d = t.dead_letters.c
        schema = pa.schema([("row_key", pa.string()), ("payload_hash", pa.string())])
        return self._arrow(sa.select(d.row_key, d.payload_hash).where(d.sync == sync), schema)

    def export(self, name: str, after: int = 0) -> pa.Table:
        """A relation as it is published to the lake."""
        from activation.ledger.export import EXPORTS

        statement, schema = EXPORTS[name]
        return self._arrow(statement(after), schema)

    def _arrow(self, statement: sa.Select[Any], schema: pa.Schema) -> pa.Table:
        batches = []
        with self.engine.connect() as c:
            result = c.execution_options(yield_per=50_000).execute(statement)
            for rows in result.partitions():
                columns = list(zip(*rows, strict=True))
                arrays = [pa.array(v, f.type) for v, f in zip(columns, schema, strict=True)]
                batches.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
        return pa.Table.from_batches(batches, schema=schema)


def _packed(rows: Sequence[Row]) -> bytes:
    names = [
        [r.operation._value_, r.row_key, r.identity, r.holding, r.payload_hash, r.destination_id]
        for r in rows
    ]
    return orjson.dumps(names)


def _unpacked(packed: bytes) -> list[Row]:
    return [
        Row(Operation(o), key, who, holding, hash_, {}, id_)
        for o, key, who, holding, hash_, id_ in orjson.loads(packed)
    ]


def _held_and_gone(
    sync: str, outcomes: Sequence[RowOutcome], stamp: Any, keeps_removed: bool
) -> tuple[list[tuple[Any, ...]], list[str]]:
    """Rows of held_rows to be written, and holdings that are no longer there."""
    kept: list[tuple[Any, ...]] = []
    gone = []
    for o in outcomes:
        row, status = o.row, o.status
        if status is Status.sent or status is Status.unknown:
            # What may have arrived and cannot be repeated counts as there, or as gone, like what
            # has arrived.
            if row.operation is not Operation.remove or keeps_removed:
                their_id = o.destination_id or row.destination_id
                kept.append(
                    (
                        sync,
                        row.holding,
                        row.row_key,
                        row.identity,
                        their_id,
                        row.payload_hash,
                        stamp,
                    )
                )
            else:
                gone.append(row.holding)
        elif status is Status.retry:
            kept.append(_unconfirmed(sync, row))
    return kept, gone


def _unconfirmed(sync: str, row: Row) -> tuple[Any, ...]:
    """Held with an unknown payload: whatever is wanted later, an update or a removal, is then
    planned again.
    """
    return (sync, row.holding, row.row_key, row.identity, row.destination_id, None, None)


def _dead(
    sync: str, o: RowOutcome, stamp: datetime, earlier: tuple[int, datetime] | None
) -> dict[str, Any]:
    attempts, first = earlier or (0, stamp)
    return {
        "sync": sync,
        "row_key": o.row.row_key,
        "operation": o.row.operation.value,
        "payload_hash": o.row.payload_hash,
        "status": o.status.value,
        "reason": o.reason,
        "attempts": attempts + 1,
        "first_at": first,
        "last_at": stamp,
    }
