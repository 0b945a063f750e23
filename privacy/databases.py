"""Takes people out of the databases next to the lake: the ledger, and the files of SQLite that
Airflow, MLflow and the simulated tools keep under the home.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from activation.ledger import tables as t
from activation.ledger.database import Ledger, exists
from privacy.catalog import vacuum
from privacy.search import ValueScan, text_of
from privacy.subjects import Subject
from segmentry import warehouse
from segmentry.settings import Settings

_LEDGER_TABLES = (t.destination_rows, t.changes, t.dead_letters)
_AIRFLOW = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
# Of the vendor, and of the lake, each with a way of its own.
_OWN_WAY = ("receiver.sqlite",)


def erase_from_ledger(settings: Settings, subject: Subject, scan: ValueScan) -> int:
    """Delete the people's rows of the ledger; returns how many."""
    if not exists(settings):
        return 0
    ledger = Ledger(settings)
    profiles = set(subject.profiles)
    try:
        with ledger.begin() as c:
            total = sum(_delete(c, table, profiles, scan) for table in _LEDGER_TABLES)
            for row in c.execute(sa.select(t.reviews)).mappings().all():
                if scan.count(row["detail"]):
                    cleaned = scan.matcher.cleaned(row["detail"])
                    mine = (t.reviews.c.sync == row["sync"]) & (t.reviews.c.run_id == row["run_id"])
                    c.execute(sa.update(t.reviews).where(mine).values(detail=cleaned))
                    total += 1
    finally:
        ledger.close()
    return total


def _delete(c: sa.Connection, table: sa.Table, profiles: set[str], scan: ValueScan) -> int:
    """Rows of the profiles, and rows of older profiles by their address or key."""
    keys = list(table.primary_key.columns)
    named = [table.c[name] for name in ("row_key", "identity", "reason") if name in table.c]
    found = []
    for row in c.execute(sa.select(*keys, table.c.profile_id, *named)):
        values = list(row)
        texts = [str(one) for one in values[len(keys) + 1 :]]
        if values[len(keys)] in profiles or any(scan.count(text) for text in texts):
            found.append({f"key_{n}": value for n, value in enumerate(values[: len(keys)])})
    if found:
        conditions = [key == sa.bindparam(f"key_{n}") for n, key in enumerate(keys)]
        c.execute(sa.delete(table).where(*conditions), found)
    return len(found)


def clean(settings: Settings, scan: ValueScan) -> dict[str, int]:
    """Replace the values in every other SQLite file of the home, and rewrite those that changed or
    have them in free pages. Returns the values replaced, by file.
    """
    found = {}
    for path in databases(settings):
        total = 0 if path.name in _OWN_WAY else _clean(path, scan)
        if total or any(scan.count(text_of(one)) for one in (path, _wal(path)) if one.exists()):
            vacuum([str(path)])
        if total:
            found[str(path.relative_to(settings.home))] = total
    return found


def databases(settings: Settings) -> list[Path]:
    """The SQLite files under the home, save the lake's catalog."""
    catalog = warehouse.catalog_file(settings) if settings.is_embedded else None
    found = []
    for path in sorted(settings.home.rglob("*")):
        if path.suffix not in {".db", ".sqlite"} or not path.is_file() or path == catalog:
            continue
        with path.open("rb") as file:
            if file.read(15) == b"SQLite format 3":
                found.append(path)
    return found


def servers(settings: Settings) -> list[str]:
    """What lies on a server and is not searched here; the ledger and the catalog are reached there.

    Airflow's database is named where this process has Airflow's variable for it.
    """
    found = []
    if not settings.mlflow_uri.startswith("sqlite"):
        found.append("MLflow's server: delete the runs' tags and artifacts of the people there")
    if not os.environ.get(_AIRFLOW, "sqlite").startswith("sqlite"):
        found.append("Airflow's server: delete its logs and XComs of runs with the people there")
    if "://" in settings.lake_data:
        found.append("the object store of the lake: see that no older version of a file is kept")
    return found


def _wal(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _clean(path: Path, scan: ValueScan) -> int:
    total = 0
    with closing(sqlite3.connect(path, timeout=60)) as connection, connection:
        names = connection.execute("select name from sqlite_master where type = 'table'").fetchall()
        for (table,) in names:
            columns = [row[1] for row in connection.execute(f'pragma table_info("{table}")')]
            for column in columns:
                total += _clean_column(connection, table, column, scan)
    return total


def _clean_column(connection: sqlite3.Connection, table: str, column: str, scan: ValueScan) -> int:
    rows = connection.execute(
        f'select distinct "{column}" from "{table}"'
        f" where typeof(\"{column}\") in ('text', 'blob')"
    ).fetchall()
    total = 0
    for (value,) in rows:
        is_text = isinstance(value, str)
        text = value if is_text else value.decode("utf-8", "surrogateescape")
        if not scan.count(text):
            continue
        cleaned = scan.matcher.cleaned(text)
        new = cleaned if is_text else cleaned.encode("utf-8", "surrogateescape")
        # Two people in one place of a key become one row: what named each of them is the same now.
        sql = f'update or replace "{table}" set "{column}" = ? where "{column}" = ?'
        total += connection.execute(sql, [new, value]).rowcount
    return total
