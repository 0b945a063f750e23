"""Brings the tables of an older ledger to the present columns, whenever a ledger is opened.
A ledger that has them is only read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa

from segmentry import row_profile


def rename_columns(database: sa.Engine, renamed: Sequence[tuple[str, str, str]]) -> None:
    """Rename columns of an older ledger: table, former name, name."""
    for table, former, name in renamed:
        if not _has_column(database, table, former):
            continue
        with _locked(database, table) as connection:
            if _has_column(connection, table, former):
                connection.exec_driver_sql(f"alter table {table} rename column {former} to {name}")


def add_columns(database: sa.Engine, added: Sequence[tuple[str, str]]) -> None:
    """Add texts that an older ledger does not have, NULL in every row: table, name."""
    for table, name in added:
        if _has_column(database, table, name):
            continue
        with _locked(database, table) as connection:
            if not _has_column(connection, table, name):
                connection.exec_driver_sql(f"alter table {table} add column {name} varchar")


def add_profiles(database: sa.Engine, indexes: Sequence[sa.Index]) -> None:
    """Give each row without a profile the profile that its key names.

    indexes: for each table with the column ``profile_id``, its index of the rows without a profile.
    A process of an older version may still write such rows to a ledger that has the column: the
    next process that opens the ledger fills them, so that no opt-out misses them.
    """
    is_sqlite = database.dialect.name == "sqlite"
    profile_id = row_profile.of_key_sql("instr" if is_sqlite else "strpos")
    for index in indexes:
        table = str(index.table)
        if _has_profiles(database, table):
            continue
        with _locked(database, table) as connection:
            if not _has_column(connection, table, "profile_id"):
                connection.exec_driver_sql(f"alter table {table} add column profile_id varchar")
            index.create(connection, checkfirst=True)
            connection.exec_driver_sql(
                f"update {table} set profile_id = {profile_id} where profile_id is null"
            )


def _has_profiles(database: sa.Engine, table: str) -> bool:
    if not _has_column(database, table, "profile_id"):
        return False
    missing = f"select exists(select 1 from {table} where profile_id is null)"
    with database.begin() as connection:
        return not connection.exec_driver_sql(missing).scalar_one()


@contextmanager
def _locked(database: sa.Engine, table: str) -> Iterator[sa.Connection]:
    """One transaction that alone uses the table, so that of two processes one changes it."""
    with database.begin() as connection:  # SQLite takes the lock here
        if database.dialect.name != "sqlite":
            connection.exec_driver_sql(f"lock table {table} in access exclusive mode")
        yield connection


def _has_column(database: sa.Engine | sa.Connection, table: str, name: str) -> bool:
    return any(column["name"] == name for column in sa.inspect(database).get_columns(table))
