"""A home with something in every store, and a comparison of two homes that shares no code with the
product.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from activation.ledger.database import Ledger
from segmentry import warehouse
from segmentry.settings import Settings

FILES = {
    "inbox/orders/orders.csv": b"order_id;total\no1;12.50\n",
    "logs/runs/one.log": b"a line\n",
    "outbox/news/rows.csv": b"email\nann@example.com\n",
    "mlflow/artifacts/1/model.skops": bytes(range(256)) * 64,
    "privacy/certificates/one.json": b"{}",
    "secrets/tombstones.key": b"0123456789abcdef0123456789abcdef",
    "airflow/keys.json": b'{"fernet": "only here"}',
}
NOT_IN_IT = {
    "scratch/spill.tmp": b"x",
    "dbt/target/manifest.json": b"{}",
    "up.services.json": b"[]",
}


def fill(home: Settings) -> None:
    """Several commits in several schemas, with updates and deletions, and every other store."""
    with warehouse.connect(home) as lake:
        lake.execute(
            "create table raw.orders as select range as id, 'r' || range as _raw from range(500)"
        )
        lake.execute("create table marts.orders as select id, id * 2 as total from raw.orders")
        lake.execute("delete from marts.orders where id % 7 = 0")
        lake.execute("update marts.orders set total = 0 where id < 50")
        lake.execute("create view marts.large as select * from marts.orders where total > 500")
        lake.execute(
            "create table profiles.profiles as select 'p' || range as profile_id from range(9)"
        )
    for name, content in {**FILES, **NOT_IN_IT}.items():
        write(home, name, content)
    database(home.home / "mlflow" / "mlflow.db", [
        "create table experiments (artifact_location text)",
        f"insert into experiments values ('file://{home.home}/mlflow/artifacts/1')",
    ])  # fmt: skip
    database(home.home / "airflow" / "airflow.db", ["create table xcom (value text)"])
    ledger = Ledger(home)
    ledger.close()


def write(home: Settings, name: str, content: bytes) -> None:
    """A file of the home."""
    path = home.home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def database(path: Path, statements: list[str]) -> None:
    """Change a SQLite file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as c, c:
        for statement in statements:
            c.execute(statement)


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """Read a SQLite file."""
    with closing(sqlite3.connect(path)) as c:
        return c.execute(sql).fetchall()


def content(home: Settings) -> dict[str, tuple[int, int]]:
    """(rows, hash of them) of every relation of the lake."""
    with warehouse.connect(home, read_only=True) as lake:
        found = lake.execute(
            "select table_schema || '.' || table_name from information_schema.tables"
            " where table_catalog = 'lake' order by 1"
        ).fetchall()
        return {
            name: lake.execute(
                f"select count(*), coalesce(bit_xor(hash(t)), 0) from lake.{name} t"
            ).fetchone() or (0, 0)
            for (name,) in found
        }  # fmt: skip


def at(home: Path) -> Settings:
    """The settings of another home."""
    return Settings.from_environment({"SEGMENTRY_HOME": str(home)})
