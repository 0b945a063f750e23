"""The collector: what an HTTP client sends is in the inbox once, when it was acknowledged."""

from __future__ import annotations

import asyncio
import base64
import errno
import gzip
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from collector import journal as journals
from collector.app import Collector
from collector.journal import Journal
from collector.keys import CollectorRules, load
from segmentry.errors import ConfigError, UsageError
from segmentry.settings import ROOT, Settings

PAGE = "https://shop.example"
RULES = CollectorRules(
    {"web-key": frozenset({PAGE}), "server-key": frozenset()},
    most_bytes=20_000,
    file_bytes=10_000_000,
    file_seconds=600,
    ip="truncated",
    kept_when_refused=frozenset({"Order Completed"}),
)
KEY = {"Authorization": "Basic " + base64.b64encode(b"web-key:").decode()}


class World:
    """A collector without a network, and the lines that it has moved to the inbox."""

    def __init__(self, inbox: Path) -> None:
        self.inbox = inbox
        self.journal = Journal(inbox, RULES.file_bytes, RULES.file_seconds)
        self.app = Collector(RULES, self.journal)
        self.is_open = True

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def answer() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app, client=("203.0.113.77", 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://c") as client:
                return await client.request(method, path, **options)

        return asyncio.run(answer())

    def close(self) -> None:
        if self.is_open:
            self.journal.close()
            self.is_open = False

    def lines(self) -> list[Any]:
        self.close()
        files = sorted((self.inbox / "events").glob("*.ndjson"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "inbox")
    yield made
    made.close()


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/v1/track", "track"), ("/v1/i", "identify"), ("/v1/p", "page"), ("/v1/screen", "screen")],
)
def test_each_path_states_the_type_of_call(world: World, path: str, kind: str) -> None:
    event = {"messageId": "m1", "userId": "u", "timestamp": "2026-01-02T03:04:05Z"}
    assert world.ask("POST", path, headers=KEY, json=event).status_code == 200
    (line,) = world.lines()
    assert (line["type"], line["messageId"]) == (kind, "m1")
    assert line["originalTimestamp"] == "2026-01-02T03:04:05Z"
    assert "timestamp" not in line and line["receivedAt"].endswith("Z")


def test_a_packed_batch_with_any_content_type_is_taken_apart(world: World) -> None:
    batch = {
        "writeKey": "server-key",
        "sentAt": "2026-01-02T03:04:06Z",
        "batch": [
            {"type": "track", "event": "A", "userId": "u", "messageId": "1"},
            {"type": "page"},
            7,
        ],
    }
    body = gzip.compress(json.dumps(batch).encode())
    assert world.ask(
        "POST", "/v1/batch", content=body, headers={"content-type": "text/plain"}
    ).is_success
    first, second, third = world.lines()
    assert first["sentAt"] == second["sentAt"] == "2026-01-02T03:04:06Z"
    assert second["messageId"] and third == 7


def test_a_browser_gets_its_settings_and_may_read_the_answers(world: World) -> None:
    asked = world.ask("OPTIONS", "/v1/t", headers={"Origin": PAGE})
    assert asked.status_code == 204 and asked.headers["access-control-allow-origin"] == PAGE
    found = world.ask("GET", "/v1/projects/web-key/settings", headers={"Origin": PAGE}).json()
    assert found["integrations"]["Segment.io"]["apiHost"] == "c/v1"
    other = world.ask("OPTIONS", "/v1/t", headers={"Origin": "https://other.example"})
    assert "access-control-allow-origin" not in other.headers
    source = world.ask("GET", "/sourceConfig/?writeKey=web-key").json()
    assert source["source"]["enabled"] is True


def test_a_pixel_is_an_event(world: World) -> None:
    event = {"writeKey": "web-key", "userId": "u", "event": "Email Opened", "messageId": "p"}
    data = base64.urlsafe_b64encode(json.dumps(event).encode()).decode().rstrip("=")
    found = world.ask("GET", f"/v1/pixel/track?data={data}")
    assert found.content.startswith(b"GIF89a")
    (line,) = world.lines()
    assert line["event"] == "Email Opened" and "writeKey" not in line


def test_addresses_of_the_network_are_truncated(world: World) -> None:
    browser = {"userId": "u", "context": {"locale": "de"}}
    assert world.ask("POST", "/v1/p", headers={**KEY, "Origin": PAGE}, json=browser).is_success
    stated = {"userId": "u", "context": {"ip": "2001:db8:1:2:3::4", "locale": "de"}}
    assert world.ask("POST", "/v1/p", headers=KEY, json=stated).is_success
    assert [line["context"]["ip"] for line in world.lines()] == ["203.0.113.0", "2001:db8:1::"]


def test_a_refusal_of_analytics_leaves_the_refusal_alone(world: World) -> None:
    consent = {"categoryPreferences": {"analytics": False, "marketing": True}}
    for name in ("Product Viewed", "Order Completed"):
        event = {
            "userId": "u", "event": name, "properties": {"sku": "x"},
            "context": {"consent": consent, "page": {"path": "/p"}},
        }  # fmt: skip
        assert world.ask("POST", "/v1/track", headers=KEY, json=event).is_success
    refused, order = world.lines()
    assert refused["event"] == "Consent Preference Updated"
    assert refused["context"] == {"consent": consent} and "properties" not in refused
    assert order["event"] == "Order Completed" and order["properties"] == {"sku": "x"}


@pytest.mark.parametrize(
    ("body", "headers", "status", "kept"),
    [
        (b'{"userId": "secret-person"}', {}, 401, 0),
        (b'{"userId": "secret-person", "writeKey": 5}', {}, 401, 0),
        (b'{"userId": "secret-person"}', {**KEY, "Origin": "https://evil.example"}, 403, 0),
        (b'{"userId": "secret-person"', KEY, 400, 1),
        (b'["secret-person"]', KEY, 400, 1),
        (b'{"a":' * 300 + b"1" + b"}" * 300, KEY, 400, 1),
        (b'{"a": "' + b"x" * 30_000 + b'"}', KEY, 413, 0),
        (gzip.compress(b'{"a": "' + b"x" * 30_000 + b'"}', mtime=0), KEY, 413, 0),
        (b"\x1f\x8bsecret-person", KEY, 400, 0),
        (gzip.compress(b'{"userId": "secret-person"}', mtime=0)[:-6], KEY, 400, 0),
        (b'{"userId": null, "messageId": null}', KEY, 200, 1),
    ],
)
def test_a_bad_request_is_answered_and_no_log_has_its_person(
    world: World,
    body: bytes,
    headers: dict[str, str],
    status: int,
    kept: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = world.ask("POST", "/v1/track", content=body, headers=headers)
    assert answer.status_code == status
    assert "secret-person" not in caplog.text + answer.text
    assert len(world.lines()) == kept


def test_a_batch_that_is_no_list_is_kept(world: World) -> None:
    assert world.ask("POST", "/v1/batch", headers=KEY, json={"batch": 5}).status_code == 400
    assert world.lines() == ['{"batch":5}']


def test_a_full_disk_is_503_and_loses_nothing_acknowledged(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def send(name: str) -> int:
        event = {"userId": "u", "messageId": name}
        return world.ask("POST", "/v1/track", headers=KEY, json=event).status_code

    write = os.write
    assert send("before") == 200

    def half(file: int, data: bytes) -> int:
        if len(data) > 20:
            return write(file, bytes(data[:20]))
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patched:
        patched.setattr(journals.os, "write", lambda f, d: half(f, d) if len(d) < 400 else 0)
        assert send("during") == 503
    assert send("after") == 200
    assert [line["messageId"] for line in world.lines()] == ["before", "after"]


def test_the_next_start_after_a_kill_cuts_the_torn_line(tmp_path: Path) -> None:
    spool = tmp_path / ".collector"
    spool.mkdir()
    (spool / "open.ndjson").write_bytes(b'{"a":1}\n{"a":2}\n{"a":')
    Journal(tmp_path, 1000, 600).close()
    (file,) = (tmp_path / "events").iterdir()
    assert file.read_bytes() == b'{"a":1}\n{"a":2}\n'
    assert not (spool / "open.ndjson").exists()


def test_a_file_goes_to_the_inbox_when_it_is_full(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 100, 600)
    for number in range(10):
        journal.append(b'{"number": %02d, "padding": "%s"}\n' % (number, b"x" * 80)).result(10)
    assert len(list((tmp_path / "events").iterdir())) >= 9
    journal.close()
    assert len(list((tmp_path / "events").iterdir())) == 10


def test_one_inbox_has_one_collector(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 1000, 600)
    with pytest.raises(UsageError, match="another collector"):
        Journal(tmp_path, 1000, 600)
    journal.close()


def test_the_file_of_keys_is_checked(tmp_path: Path) -> None:
    env = {"SEGMENTRY_HOME": str(tmp_path), "SEGMENTRY_CONFIG": str(tmp_path)}
    text = (ROOT / "config" / "collector.yml").read_text()
    (tmp_path / "collector.yml").write_text(text)
    assert load(Settings.from_environment(env)).ip == "truncated"
    start = text.index("write_keys:")
    end = text.index("# Of one")
    (tmp_path / "collector.yml").write_text(text[:start] + "write_keys: []\n" + text[end:])
    with pytest.raises(ConfigError, match="no write key"):
        load(Settings.from_environment(env))
