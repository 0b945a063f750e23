"""A shop whose audiences are made by hand, and a receiver that a test can make misbehave: no dbt,
so it is quick.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from activation import engine, operate
from segmentry import warehouse
from segmentry.errors import SegmentryError
from tests.activation import loopback
from tests.activation.shop import Shop, decision

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Reply(Exception):
    """Raised by a script to answer at once."""

    def __init__(
        self, status: int, body: Any = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.headers = headers or {}


class Receiver:
    """A webhook with the people it was sent. ``script`` is called before each request and may raise
    Reply.
    """

    def __init__(self) -> None:
        self.people: dict[str, dict[str, Any]] = {}
        self.requests: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.ever: set[str] = set()
        self.script: Callable[[int, list[dict[str, Any]]], None] = lambda number, rows: None

    def answer(self, headers: Any, body: bytes) -> tuple[int, Any, dict[str, str]]:
        if "webhook-signature" in headers:
            Webhook(SECRET).verify(body, dict(headers))
        content = json.loads(body)
        rows = content["data"]["rows"]
        self.requests.append(content)
        try:
            self.script(len(self.requests), rows)
        except Reply as reply:
            return reply.status, reply.body, reply.headers
        self.accept(headers["webhook-id"], rows)
        return 200, {}, {}

    def accept(self, message_id: str, rows: list[dict[str, Any]]) -> None:
        """Apply rows, whatever is answered."""
        self.ids.append(message_id)
        for row in rows:
            self.people.pop(row["key"], None)
            if row["operation"] != "remove":
                self.people[row["key"]] = row["values"]
                self.ever.add(row["key"])


@contextmanager
def serving(receiver: Receiver) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status, content, extra = receiver.answer(self.headers, body)
            text = json.dumps(content).encode()
            self.send_response(status)
            for name, value in {**extra, "Content-Length": str(len(text))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            pass

    with loopback.serving(Handler) as address:
        yield f"{address}/hook"


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver whose address is in the environment, and no waiting between attempts."""
    made = Receiver()
    with serving(made) as url:
        monkeypatch.setenv("SEGMENTRY_WEBHOOK_URL", url)
        monkeypatch.setenv("SEGMENTRY_WEBHOOK_SECRET", SECRET)
        monkeypatch.setattr("activation.client.FIRST_WAIT", 0.001)
        yield made


@pytest.fixture
def open_lake(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The lake stays open for the whole test: to open it takes longer than most of what is done
    with it.
    """
    with warehouse.connect(shop.settings) as lake:

        @contextmanager
        def still_open(*_: Any, **__: Any) -> Iterator[Any]:
            cursor = lake.cursor()
            cursor.execute("use lake")
            yield cursor

        monkeypatch.setattr(warehouse, "connect", still_open)
        yield


def webhook(shop: Shop, name: str = "hook", **content: Any) -> str:
    """A sync into the receiver, with an empty audience."""
    names = {"url": "SEGMENTRY_WEBHOOK_URL", "secret": "SEGMENTRY_WEBHOOK_SECRET"}
    shop.sync(name, **{"destination": "webhook", "connection": names, **content})
    columns = "row_key varchar, email varchar, first_name varchar"
    shop.run(f"create or replace table lake.audiences.aud_{name} ({columns})")
    return name


def fill(shop: Shop, name: str, people: dict[str, str | None]) -> None:
    """Give the audience exactly these people (name to first name)."""
    with warehouse.connect(shop.settings) as lake:
        lake.execute("begin")
        lake.execute(f"delete from lake.audiences.aud_{name}")
        if people:
            values = [
                v
                for person, first in people.items()
                for v in (f"p_{person}", f"{person}@example.com", first)
            ]
            places = ", ".join(["(?, ?, ?)"] * len(people))
            lake.execute(f"insert into lake.audiences.aud_{name} values {places}", values)
        lake.execute("commit")


def consent(shop: Shop, *people: str, **content: Any) -> None:
    """Consent of these people."""
    shop.put("marts.consents", [decision(person, **content) for person in people])


def opt_out(shop: Shop, *people: str, **content: Any) -> None:
    """These people opt out after the audience was built."""
    shop.put(
        "marts.consents", [decision(name, "withdrawn", "2026-05-20", **content) for name in people]
    )


def mails(*names: str) -> set[str]:
    """Addresses of these people."""
    return {f"{name}@example.com" for name in names}


def stopped(shop: Shop, name: str, **parts: Any) -> str:
    """Run a sync that something stops; what was reported."""
    with pytest.raises(SegmentryError) as caught:
        engine.run_sync(shop.settings, name, **parts)
    assert "example.com" not in str(caught.value)
    return str(caught.value)


def send(shop: Shop, name: str = "hook", **parts: object) -> tuple[int, str]:
    """Run a sync: how many rows it sent, and its status."""
    report = engine.run_sync(shop.settings, name, **parts)  # type: ignore[arg-type]
    return sum(report.rows.values()), report.status


def shop_changes(shop: Shop) -> list[tuple[str, str, str]]:
    """Published changes in order: row, status, reason."""
    operate.publish(shop.settings)
    return shop.rows(
        "select row_key, status, reason from activation.sync_changelog order by change_id"
    )
