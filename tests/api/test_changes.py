"""Entries and exits are pushed as they come, and a client that comes back misses none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from live.store.records import Version
from tests.api.callers import ADS, PEOPLE, SERVER, headers, served, service_of
from tests.live import stores
from tests.live.stores import record


def events(address: str, count: int, **more: str) -> list[dict[str, Any]]:
    """The first events of a stream; comments are left out."""
    with closing(follow(address, **more)) as stream:
        return [next(stream) for _ in range(count)]


def follow(address: str, **more: str) -> Iterator[dict[str, Any]]:
    url = f"http://{address}/v1/changes"
    with httpx.stream("GET", url, headers=headers(**more), timeout=20) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        found: dict[str, Any] = {}
        for line in response.iter_lines():
            if not line and "event" in found:
                yield found
            if not line:
                found = {}
            elif not line.startswith(":"):
                name, _, value = line.partition(": ")
                found[name] = json.loads(value) if name == "data" else value


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[str, Any]]:
    store = stores.embedded(tmp_path)
    with served(service_of(tmp_path, store)) as address:
        yield address, store


def named(found: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(one["event"], one["data"]["profile_id"], one["data"]["segment"]) for one in found]


def test_a_client_that_comes_back_misses_nothing(place: tuple[str, Any]) -> None:
    address, store = place
    start = store.newest()
    granted = {"analytics/any": "granted"}
    for n in range(1, 7):
        store.put([record("p1", n, segments=(f"s{n}",), consent=granted)])
    first = events(address, 3, **{"last-event-id": start})
    assert named(first) == [("entered", "p1", "s1"), ("left", "p1", "s1"), ("entered", "p1", "s2")]
    rest = events(address, 8, **{"last-event-id": first[-1]["id"]})
    assert named(rest)[0] == ("left", "p1", "s2")
    assert named(rest)[-1] == ("entered", "p1", "s6")
    assert rest[-1]["data"]["version"] == {"snapshot": 6, "sequence": 0}


def test_changes_come_as_they_happen_and_a_lost_place_is_reported(place: tuple[str, Any]) -> None:
    address, store = place
    stream = follow(address, **{"last-event-id": "another-17"})
    with closing(stream):
        assert next(stream)["event"] == "reset"
        store.put([record("p1", 3, segments=("loyal",), consent={})])
        assert named([next(stream)]) == [("entered", "p1", "loyal")]


def test_an_entry_without_consent_is_not_pushed_and_an_exit_is(place: tuple[str, Any]) -> None:
    address, store = place
    start = store.newest()
    bob = PEOPLE[1]
    store.put([bob, record("p2", 7, segments=("last",), consent={})])
    store.put([replace(bob, version=Version(8), segments={})])
    found = events(address, 2, **{"last-event-id": start})
    assert named(found) == [("entered", "p2", "last"), ("left", "p-bob", "loyal")]


def test_only_a_token_that_may_follow_does(place: tuple[str, Any]) -> None:
    address, _ = place
    url = f"http://{address}/v1/changes"
    assert httpx.get(url, headers=headers(ADS)).status_code == 403
    assert httpx.get(url).status_code == 401
    for given in (headers(ADS), {}):
        with pytest.raises(Exception, match="403") as caught:
            connect(f"ws://{address}/v1/changes", additional_headers=given)
        assert not isinstance(caught.value, ConnectionClosed)


def test_a_web_socket_gets_the_same(place: tuple[str, Any]) -> None:
    address, store = place
    start = store.newest()
    store.put([record("p1", 3, segments=("a", "b"), consent={})])
    path = f"ws://{address}/v1/changes?last_event_id={start}"
    with connect(path, additional_headers=headers(SERVER)) as socket:
        found = [json.loads(socket.recv(timeout=10)) for _ in range(3)]
    assert [one["event"] for one in found] == ["alive", "entered", "entered"]
    assert [one.get("segment") for one in found] == [None, "a", "b"]
    with connect(
        f"ws://{address}/v1/changes?last_event_id={found[1]['id']}",
        additional_headers=headers(SERVER),
    ) as socket:
        again = [json.loads(socket.recv(timeout=10)) for _ in range(2)]
    assert again[1]["segment"] == "b"
