"""The ledger's database, on SQLite or PostgreSQL by URL: transactions, writes and tables read.
The other modules of this package write and read it, each for one duty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgres_insert

from activation.ledger import sql, upgrade
from activation.ledger import tables as t
from activation.ledger.sql import Column
from segmentry.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa


def exists(settings: Settings) -> bool:
    """Whether there is a ledger; the first process that opens it makes it."""
    url = sa.make_url(settings.ledger_url)
    return url.get_backend_name() != "sqlite" or Path(url.database or "").exists()


def now() -> datetime:
    """The wall clock, naive UTC: for audit stamps alone."""
    return datetime.now(UTC).replace(tzinfo=None)


class Ledger:
    """The ledger of one installation. What a module of this room does is one transaction, so a kill
    leaves no half of anything.
    """

    def __init__(self, settings: Settings) -> None:
        self.engine = sql.engine(settings.ledger_url)
        t.METADATA.create_all(self.engine)
        upgrade.rename_columns(self.engine, t.RENAMED)
        upgrade.add_columns(self.engine, t.ADDED)
        upgrade.add_profiles(self.engine, t.WITHOUT_PROFILE)

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
            values = [tuple(self.timestamp(value) for value in row.values()) for row in rows]
            self.write(connection, table, list(rows[0]), values)

    def timestamp(self, value: Any) -> Any:
        """A timestamp as ``write`` takes it; any other value as it is."""
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
        keys = _keys(table)
        if self.engine.dialect.name == "sqlite":
            sql.write_to_sqlite(connection, table, keys, names, rows)
            return
        statement = postgres_insert(table)
        if keys:
            values = {name: statement.excluded[name] for name in names if name not in keys}
            statement = statement.on_conflict_do_update(index_elements=keys, set_=values)
        connection.execute(statement, [dict(zip(names, row, strict=True)) for row in rows])

    def write_columns(
        self, connection: sa.Connection, table: sa.Table, columns: Mapping[str, Column]
    ) -> None:
        """``write`` for values in columns of one length, by name; a text or None is the value of
        every row.
        """
        found = [c for c in columns.values() if c is not None and not isinstance(c, str)]
        length = len(found[0])
        if length and self.engine.dialect.name == "sqlite":
            sql.write_columns_to_sqlite(connection, table, _keys(table), columns)
            return
        whole = [[c] * length if c is None or isinstance(c, str) else c for c in columns.values()]
        self.write(connection, table, list(columns), list(zip(*whole, strict=True)))

    def read(self, statement: sa.Select[Any], schema: pa.Schema) -> pa.Table:
        """The rows of a statement as a table, for DuckDB."""
        # Imported where rows are exchanged: commands that only count start without.
        import pyarrow as pa

        batches = []
        with self.engine.connect() as c:
            result = c.execution_options(yield_per=50_000).execute(statement)
            for rows in result.partitions():
                columns = list(zip(*rows, strict=True))
                arrays = [pa.array(v, f.type) for v, f in zip(columns, schema, strict=True)]
                batches.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
        return pa.Table.from_batches(batches, schema=schema)


def _keys(table: sa.Table) -> list[str]:
    return [] if table is t.changes else [column.name for column in table.primary_key]


def delete(c: sa.Connection, column: sa.Column[Any], sync: str, values: Sequence[str]) -> None:
    """Delete the rows of a sync that have one of the values in the column."""
    if values:
        table = column.table
        statement = sa.delete(table).where(table.c.sync == sync, column == sa.bindparam("wanted"))
        c.execute(statement, [{"wanted": value} for value in values])
