"""How the ledger's database is opened, and how rows are written to SQLite at the speed of its
driver.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

Column = Sequence[Any] | str | None


def engine(url: str) -> sa.Engine:
    """The ledger's database by its URL."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return sa.create_engine(parsed, pool_pre_ping=True)
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    made = sa.create_engine(parsed, connect_args={"timeout": 60})

    def prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = (
            None  # transactions are begun below, as the driver would begin them too late
        )
        connection.execute("pragma journal_mode=wal")
        connection.execute(
            "pragma cache_size=-16384"
        )  # KiB; with the usual 2 MiB a big ledger is read again and again
        connection.execute(
            "pragma wal_autocheckpoint=8192"
        )  # pages; each time the file is written to the disk
        connection.execute(
            "pragma synchronous=normal"
        )  # in WAL mode a kill of the process loses nothing committed

    sa.event.listen(made, "connect", prepare)
    # A transaction that reads first and writes later fails at once when another wrote between: take
    # the lock first.
    sa.event.listen(made, "begin", lambda connection: connection.exec_driver_sql("begin immediate"))
    return made


def write_to_sqlite(
    connection: sa.Connection,
    table: sa.Table,
    keys: Sequence[str],
    names: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
) -> None:
    """Insert rows; with keys, bring those that have them to these values. Timestamps are given as
    ``stamped`` has them.
    """
    # Straight to the driver: the general way takes about twice as long for each of a million rows.
    statement = _insertion(table, keys, names, "?" * len(names))
    connection.exec_driver_sql(statement, list(rows))


def write_columns_to_sqlite(
    connection: sa.Connection,
    table: sa.Table,
    keys: Sequence[str],
    columns: Mapping[str, Column],
) -> None:
    """The same for columns; a text or None is the value of every row."""
    # Each value that the driver binds costs a tenth of a row: what all rows share is written into
    # the statement, and a column that repeats another one is bound once.
    bound: list[Sequence[Any]] = []
    places = []
    for column in columns.values():
        if column is None or isinstance(column, str):
            places.append(_literal(column))
            continue
        if column not in bound:
            bound.append(column)
        places.append(f"?{bound.index(column) + 1}")
    statement = _insertion(table, keys, list(columns), places)
    connection.exec_driver_sql(statement, list(zip(*bound, strict=True)))


def _insertion(
    table: sa.Table, keys: Sequence[str], names: Sequence[str], places: Iterable[str]
) -> str:
    statement = f"insert into {table.name} ({', '.join(names)}) values ({', '.join(places)})"
    if keys:
        others = ", ".join(f"{name} = excluded.{name}" for name in names if name not in keys)
        statement += f" on conflict ({', '.join(keys)}) do update set {others}"
    return statement


def _literal(text: str | None) -> str:
    if text is None:
        return "null"
    return "'" + text.replace("'", "''") + "'"


@lru_cache(16)  # a batch has one stamp
def stamped(timestamp: datetime) -> str:
    """A timestamp in the form in which SQLAlchemy stores it in SQLite."""
    return timestamp.isoformat(" ", "microseconds")
