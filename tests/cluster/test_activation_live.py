"""Activation on real servers: the ledger in PostgreSQL, people sent to a PostgreSQL table and to
Redis.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
import sqlalchemy as sa

from activation import engine, operate
from activation.ledger import open_requests, runs
from activation.ledger.database import Ledger
from segmentry.errors import DestinationError, SegmentryError
from segmentry.settings import Settings
from tests.activation.engine_shop import Receiver, Reply, consent, fill, receiver, webhook
from tests.activation.shop import Shop, decision
from tests.cluster import _servers

__all__ = ["receiver"]

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with _servers.postgres(tmp_path_factory.mktemp("servers")) as found:
        yield found


@pytest.fixture
def shop(home: Settings, tmp_path: Path, port: int) -> Iterator[Shop]:
    """A shop whose ledger is in PostgreSQL, empty at first."""
    url = f"postgresql://ledger:ledger@127.0.0.1:{port}/ledger"
    made = sa.create_engine(url)
    with made.begin() as connection:
        connection.execute(sa.text("drop schema public cascade"))
        connection.execute(sa.text("create schema public"))
    made.dispose()
    shop = Shop(home, tmp_path / "shop")
    shop.settings = replace(shop.settings, ledger_url=url)
    yield shop


def send(shop: Shop, name: str, **parts: Any) -> tuple[int, str]:
    report = engine.run_sync(shop.settings, name, **parts)
    return sum(report.rows.values()), report.status


def test_the_ledger_in_postgresql(shop: Shop, receiver: Receiver) -> None:
    name = webhook(shop, limits={"batch_rows": 50})
    names = [f"n{number}" for number in range(120)]
    consent(shop, *names)
    fill(shop, name, dict.fromkeys(names, "a"))
    assert send(shop, name) == (120, "done")
    assert send(shop, name) == (0, "unchanged")
    fill(shop, name, {**dict.fromkeys(names[:100], "a"), "n0": None})

    def script(number: int, rows: list[dict[str, Any]]) -> None:
        receiver.accept(f"lost{number}", rows)
        raise Reply(500)

    receiver.script = script
    with pytest.raises(DestinationError):
        send(shop, name)
    receiver.script = lambda number, rows: None
    ledger = Ledger(shop.settings)
    with ledger.begin() as connection:
        connection.exec_driver_sql("update accounts set open_until = 0, failures = 0")
    with runs.lease(ledger, name), pytest.raises(SegmentryError, match="another process"):
        send(shop, name)
    assert send(shop, name)[0] == 21
    assert set(receiver.people) == {f"{who}@example.com" for who in names[:100]}
    shop.put("marts.consents", [decision("n1", "withdrawn", "2026-05-01")])
    assert send(shop, name)[0] == 1
    shown = operate.apply(shop.settings, [])[0]
    assert shown[0]["status"] == "unchanged"
    assert shop.rows("select count(*) from activation.sync_snapshot") == [(99,)]
    assert open_requests.of(ledger, name) == []
    ledger.close()


def test_people_in_a_postgresql_table(
    shop: Shop, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"postgresql://lake:lake@127.0.0.1:{port}/lake"
    monkeypatch.setenv("TEST_TABLE_URL", url)
    name = webhook(shop, "people")
    parts = {
        "destination": "sql_table",
        "connection": {"url": "TEST_TABLE_URL"},
        "options": {"table": "vip"},
    }
    shop.sync("people", **parts)
    consent(shop, "ann", "bob", "cid")
    fill(shop, name, {"ann": "Ann", "bob": None})
    assert send(shop, name) == (2, "done")
    fill(shop, name, {"ann": None, "cid": "Cid"})
    assert send(shop, name) == (3, "done")
    made = sa.create_engine(url)
    with made.begin() as connection:
        rows = connection.execute(sa.text("select email, first_name from vip order by email")).all()
        connection.execute(sa.text("delete from vip where email = 'cid@example.com'"))
    assert [tuple(row) for row in rows] == [("ann@example.com", None), ("cid@example.com", "Cid")]
    verified = operate.verify(shop.settings, [name], repair=True)[0][0]
    assert (verified["matched"], verified["missing"], verified["surplus"]) == (1, 1, 0)
    with made.begin() as connection:
        assert connection.execute(sa.text("select count(*) from vip")).scalar_one() == 2, "repaired"
    made.dispose()


def test_people_in_redis(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with _servers.broker(tmp_path) as url:
        monkeypatch.setenv("TEST_REDIS_URL", url)
        name = webhook(shop, "edge")
        shop.sync("edge", destination="redis", connection={"url": "TEST_REDIS_URL"})
        consent(shop, "ann", "bob", "cid")
        fill(shop, name, {"ann": "Ann", "bob": "Bob"})
        assert send(shop, name) == (2, "done")
        fill(shop, name, {"ann": None, "cid": "Cid"})
        assert send(shop, name) == (3, "done")
        client = redis.Redis.from_url(url)
        assert client.hgetall("edge:{ann@example.com}") == {b"email": b"ann@example.com"}, (
            "value to NULL is sent"
        )
        assert client.hgetall("edge:{cid@example.com}") == {
            b"email": b"cid@example.com",
            b"first_name": b"Cid",
        }
        assert client.exists("edge:{bob@example.com}") == 0
        verified = operate.verify(shop.settings, [name])[0][0]
        assert (verified["matched"], verified["missing"], verified["surplus"]) == (2, 0, 0)
    fill(shop, name, {"ann": "back"})
    with pytest.raises(DestinationError) as caught:
        send(shop, name)
    assert url.partition("@")[0].rpartition(":")[2] not in str(caught.value)
