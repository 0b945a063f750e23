"""A small home with two people and a stranger's records, in every kind of store, and a byte search
that shares no code with the product.
"""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from activation.ledger.database import Ledger
from segmentry import warehouse
from segmentry.settings import Settings
from sources import landing, loading
from sources.definitions import Source, source_named

ANN = {
    "email": "zeb.quixwort@mail.example.com",
    "phone": "+4917655501234",
    "user_id": "u0777123",
    "crm_id": "C0777123",
    "cookie": "77a1c0de-1111-4222-8333-444455556666",
    "profile": "aaaabbbbccccddddeeeeffff00001111",
    "former": "aaaabbbbccccddddeeeeffff00002222",
    "name": "Zebulonia Quixwört",
}
BOB = {
    "email": "a.zeb.quixwort@mail.example.com",  # has Ann's address at its end
    "user_id": "u07771234",
    "cookie": "88b1c0de-1111-4222-8333-444455556666",
    "profile": "99990000ccccddddeeeeffff00001111",
}
AT = datetime(2026, 5, 1)
NEWS = {
    "name": "news", "destination": "files", "audience": {"segments": "all"},
    "purpose": "marketing", "channel": "email", "address": "email", "key": "email",
    "columns": {"email": {"from": "email"}},
}  # fmt: skip


def events() -> list[dict[str, Any]]:
    """Five of Ann's, two of Bob's; of these one on the browser that Ann uses too."""
    return [
        {"messageId": "m1", "userId": ANN["user_id"], "anonymousId": ANN["cookie"]},
        {"messageId": "m2", "anonymousId": ANN["cookie"]},
        {"messageId": "m3", "traits": {"email": f" {ANN['email'].upper()} "}},
        {"messageId": "m4", "context": {"page": {"url": f"/?mail={ANN['email']}"}}},
        {"messageId": "m5", "traits": {"phone": "+49 176 55501234"}},
        {"messageId": "m6", "userId": BOB["user_id"], "traits": {"email": BOB["email"]}},
        {"messageId": "m7", "userId": BOB["user_id"], "anonymousId": ANN["cookie"]},
    ]


def source(home: Settings) -> Source:
    """The source `events` of the project."""
    return source_named(home, "events")


def inbox_file(home: Settings) -> Path:
    """The landed file."""
    return home.home / "inbox" / "events" / "events.ndjson.gz"


def build(home: Settings) -> None:
    """Fill the home."""
    path = inbox_file(home)
    path.parent.mkdir(parents=True)
    lines = "".join(json.dumps(event) + "\n" for event in events())
    path.write_bytes(gzip.compress(lines.encode()))
    with warehouse.connect(home) as lake:
        landing.ensure_tables(lake, ["events"])
    loading.load(home, source(home), [str(path)])
    with warehouse.connect(home) as lake:
        _fill_lake(lake)
    _fill_files(home)
    _fill_databases(home)


def _fill_lake(lake: Any) -> None:
    lake.execute("create table identity.policy_types (identifier_type varchar, priority integer)")
    types = ["email", "phone", "user_id", "crm_id", "cookie"]
    lake.executemany(
        "insert into identity.policy_types values (?, ?)", [[k, n] for n, k in enumerate(types)]
    )
    pair = "identifier_type varchar, identifier varchar, profile_id varchar"
    lake.execute(f"create table identity.identifier_mapping ({pair})")
    lake.execute(f"create table identity.id_mapping_scd ({pair})")
    lake.execute(
        "create table identity.identifier_values (identifier_type varchar, value varchar,"
        " identifier varchar)"
    )
    lake.execute(
        "create table identity.profile_resolution (profile_id varchar, current_profile_id varchar)"
    )
    lake.execute(
        "create table identity.traits (profile_id varchar, first_name varchar, last_name varchar)"
    )
    for person in (ANN, BOB):
        for kind in types:
            if kind in person:
                row = [kind, person[kind], person["profile"]]
                lake.execute("insert into identity.identifier_mapping values (?, ?, ?)", row)
                lake.execute("insert into identity.id_mapping_scd values (?, ?, ?)", row)
                lake.execute("insert into identity.identifier_values values (?, ?, ?)", [
                    kind, person[kind], person[kind]])  # fmt: skip
        lake.execute(
            "insert into identity.profile_resolution values (?, ?)", [person["profile"]] * 2
        )
    lake.execute(
        "insert into identity.identifier_values values ('phone', '+49 176 55501234', ?)",
        [ANN["phone"]],
    )
    lake.execute(
        "insert into identity.profile_resolution values (?, ?)", [ANN["former"], ANN["profile"]]
    )
    first, last = ANN["name"].split()
    lake.execute("insert into identity.traits values (?, ?, ?)", [ANN["profile"], first, last])
    lake.execute("create table marts.orders (order_id varchar, profile_id varchar, note varchar)")
    orders = [
        ["o1", ANN["profile"], None],
        ["o2", BOB["profile"], f"deliver to {ANN['name']}, mail {ANN['email']}."],
        ["o3", BOB["profile"], f"mail {BOB['email']}"],
    ]
    lake.executemany("insert into marts.orders values (?, ?, ?)", orders)
    lake.execute(
        "create table marts.order_profiles as select order_id, profile_id from marts.orders"
    )
    lake.execute(
        "create table marts.order_items as select order_id, 'P1' as product_id from marts.orders"
    )
    lake.execute("create table segments.segment_memberships (segment varchar, profile_id varchar)")
    for person in (ANN, BOB):
        lake.execute(
            "insert into segments.segment_memberships values ('all', ?)", [person["profile"]]
        )


def _fill_files(home: Settings) -> None:
    texts = {
        "airflow/logs/task.log": f"sent {ANN['email']} and {BOB['email']}\n",
        "data_docs/index.html": f"<td>{ANN['name']}</td><td>{BOB['user_id']}</td>",
        "dbt/target/run.json": json.dumps({"failing": [ANN["phone"], ANN["name"], BOB["cookie"]]}),
        "outbox/news/rows.csv": (f'email;name\n{ANN["email"]};"Zeb\nQ"\n{BOB["email"]};Bob\n'),
    }
    for name, text in texts.items():
        path = home.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    packed = home.home / "logs" / "old.log.gz"
    packed.parent.mkdir(exist_ok=True)
    packed.write_bytes(gzip.compress(f"user {ANN['user_id']}\n".encode()))
    rows = pa.table({"email": [ANN["email"], BOB["email"]], "n": [1, 2]})
    pq.write_table(rows, home.home / "outbox" / "news" / "rows.parquet")


def _fill_databases(home: Settings) -> None:
    with closing(sqlite3.connect(home.home / "airflow" / "airflow.db")) as c, c:
        c.execute("create table xcom (value text)")
        c.execute("insert into xcom values (?)", [json.dumps({"row": ANN["email"]})])
        c.execute("insert into xcom values (?)", [json.dumps({"row": BOB["email"]})])
        c.execute("create table old (value text)")
        c.execute("insert into old values (?)", [ANN["crm_id"]])
    with closing(sqlite3.connect(home.home / "airflow" / "airflow.db")) as c, c:
        c.execute("delete from old")  # a free place of a page still has it
    ledger = Ledger(home)
    with ledger.begin() as c:
        c.exec_driver_sql(
            "insert into sync_configs (sync, content, saved_at) values ('news', ?,"
            " '2026-05-01 00:00:00')",
            (json.dumps(NEWS),),
        )
        for person in (ANN, BOB):
            c.exec_driver_sql(
                "insert into changes (sync, run_id, row_key, profile_id, operation, status, reason,"
                " sent_at) values ('news', 'r1', ?, ?, 'add', 'sent', '', '2026-05-01 00:00:00')",
                (person["email"], person["profile"]),
            )
    ledger.close()


def hits(folder: Path, person: dict[str, str]) -> dict[str, list[str]]:
    """Files that have a value of the person, as bytes, unpacked, or decoded from Parquet."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or "duckdb_extensions" in path.parts:
            continue
        for content in _contents(path):
            # Bob's address ends with Ann's.
            low = content.lower()
            if person is ANN:
                low = low.replace(BOB["email"].encode(), b"")
            names = [name for name, value in person.items() if _is_in(value, low)]
            if names:
                found.setdefault(str(path.relative_to(folder)), []).extend(names)
    return found


def _is_in(value: str, content: bytes) -> bool:
    low = value.lower()
    forms = {low, json.dumps(low)[1:-1], low.replace("@", "%40")}
    longer = BOB["user_id"].encode() if value == ANN["user_id"] else b"\0no such\0"
    return any(form.encode() in content.replace(longer, b"") for form in forms)


def _contents(path: Path) -> Iterator[bytes]:
    content = path.read_bytes()
    yield content
    if path.suffix == ".gz":
        yield gzip.decompress(content)
    if path.suffix == ".parquet":
        yield str(pq.read_table(path).to_pylist()).encode()


def others(home: Settings) -> dict[str, list[tuple[Any, ...]]]:
    """What the lake has of every person but Ann."""
    with warehouse.connect(home, read_only=True) as lake:
        return {
            "raw": lake.execute(
                "select _raw from raw.events where _raw like ? order by _line",
                [f"%{BOB['user_id']}%"],
            ).fetchall(),
            "orders": lake.execute(
                "select order_id, profile_id from marts.orders where profile_id = ? order by all",
                [BOB["profile"]],
            ).fetchall(),
            "members": lake.execute(
                "from segments.segment_memberships where profile_id = ?", [BOB["profile"]]
            ).fetchall(),
            "mapping": lake.execute(
                "from identity.identifier_mapping where profile_id = ? order by all",
                [BOB["profile"]],
            ).fetchall(),
        }
