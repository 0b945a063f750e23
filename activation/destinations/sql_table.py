"""A table of another database (PostgreSQL or SQLite): one row per person, by the key column.

``table`` names it. It is created where it is not there; rows of people this sync never sent are
left alone, and with mode ``update`` none is added.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from activation import values
from activation.destination import EVERY_CHANNEL, EVERY_PURPOSE, Destination, DestinationSession
from activation.model import Batch, Result, Row, RowOutcome, Status, all_sent
from segmentry.errors import ConfigError, DestinationError
from segmentry.sync_config import SyncConfig

TYPES: dict[str, Any] = {
    "varchar": sa.String,
    "bigint": sa.BigInteger,
    "double": sa.Float,
    "boolean": sa.Boolean,
    "timestamp": sa.DateTime,
    "date": sa.Date,
}


class SqlTable(Destination):
    """One table."""

    settings = ("url",)
    forms = "columns of the database's own types; times in UTC; lists and structs as JSON"
    purposes = EVERY_PURPOSE
    channels = EVERY_CHANNEL
    options = ("table",)
    batch_rows = 1_000
    cost_unit = "rows"
    updates_only = True

    def upsert(self, session: DestinationSession, batch: Batch) -> Result:
        """Insert the rows, or bring those with the key to these values, in one transaction."""
        from sqlalchemy.dialects.postgresql import insert as postgres_insert
        from sqlalchemy.dialects.sqlite import insert as sqlite_insert

        table = table_of(session.sync)
        with begin(session) as connection:
            table.create(connection, checkfirst=True)
            session.ask_consent()
            if session.sync.mode == "update":
                return [_updated(connection, table, session.sync.key, row) for row in batch.rows]
            make = postgres_insert if connection.dialect.name == "postgresql" else sqlite_insert
            statement = make(table)
            names = [c.name for c in table.columns if c.name != session.sync.key]
            others = {name: statement.excluded[name] for name in names}
            connection.execute(
                (
                    statement.on_conflict_do_update(index_elements=[session.sync.key], set_=others)
                    if others
                    else statement.on_conflict_do_nothing()
                ),
                [{**_cells(row), session.sync.key: row.identity} for row in batch.rows],
            )
        return all_sent(batch.rows)

    def remove(self, session: DestinationSession, batch: Batch) -> Result:
        """Delete the rows, in one transaction."""
        table = table_of(session.sync)
        with begin(session) as connection:
            statement = sa.delete(table).where(table.c[session.sync.key] == sa.bindparam("wanted"))
            connection.execute(statement, [{"wanted": row.identity} for row in batch.rows])
        return all_sent(batch.rows)

    def read_back(self, session: DestinationSession) -> Iterator[str]:
        """Keys that are there."""
        table = table_of(session.sync)
        with begin(session) as connection:
            if sa.inspect(connection).has_table(table.name, schema=table.schema):
                yield from (
                    str(key)
                    for key in connection.execute(sa.select(table.c[session.sync.key])).scalars()
                )

    def check(self, sync: SyncConfig) -> None:
        """Check that the table's name has no other characters than letters, digits and
        underscores, and that the key is text.
        """
        super().check(sync)
        name = str(sync.options.get("table", ""))
        key = next(column for column in sync.columns if column.name == sync.key)
        if (
            not name.replace(".", "", 1).isidentifier()
            or key.type != "varchar"
            or sync.grain != "profile"
        ):
            raise ConfigError(
                f"{sync.path}: options/table is '{name}', the key is of type {key.type}, the grain"
                f" is {sync.grain}",
                allowed=(
                    "a table name, with a schema before it if need be; a key of type varchar; one"
                    " row per profile"
                ),
                remedy="correct options/table, the key's type or audience/grain",
            )


def _cells(row: Row) -> dict[str, Any]:
    return {name: _cell(value) for name, value in row.values.items()}


def _cell(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return values.for_text(value) if isinstance(value, list | dict | tuple) else value


def _updated(connection: sa.Connection, table: sa.Table, key: str, row: Row) -> RowOutcome:
    cells = {name: value for name, value in _cells(row).items() if name != key}
    statement = sa.update(table).where(table.c[key] == row.identity).values(**cells)
    if cells and connection.execute(statement).rowcount:
        return RowOutcome(row, Status.sent)
    return RowOutcome(row, Status.rejected, "not there")


def table_of(sync: SyncConfig) -> sa.Table:
    """The table that the sync's file names."""
    schema, _, name = str(sync.options["table"]).rpartition(".")
    columns = [
        sa.Column(c.name, TYPES[c.type], primary_key=c.name == sync.key) for c in sync.columns
    ]
    return sa.Table(name, sa.MetaData(), *columns, schema=schema or None)


@contextmanager
def begin(session: DestinationSession) -> Iterator[sa.Connection]:
    """A transaction at the connection's address; DestinationError without a row's text."""
    try:
        with sa.create_engine(
            session.connection["url"], poolclass=sa.NullPool
        ).begin() as connection:
            yield connection
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError):
        raise DestinationError(
            "the connection's address is not a database URL",
            allowed="postgresql://... or sqlite:///...",
            remedy="correct the connection's address variable",
        ) from None
    except sa.exc.SQLAlchemyError as error:
        raise DestinationError(  # without its text, which quotes rows
            f"the database did not take the rows: {type(error).__name__}",
            remedy="check the address, the rights and the table's columns, then run again",
        ) from None


DESTINATION = SqlTable()
