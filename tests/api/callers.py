"""An API over a store that a test fills, with callers of different rights."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn
from starlette.testclient import TestClient

from api.app import build
from api.rules import ApiRules, Caller, hashed
from api.service import ApiService
from live.store.base import ProfileStore
from live.store.records import ProfileRecord, Version
from tests.live import stores

SERVER = "sgm_server"
PAGE = "sgm_page"
ADS = "sgm_ads"
SLOW = "sgm_slow"
MARKETER = "sgm_marketer"
ANALYST = "sgm_analyst"
ORIGIN = "https://shop.example"
CALLERS = {
    SERVER: Caller(
        "server", ("*",), (("marketing", "email"), ("analytics", "any")),
        frozenset(), frozenset(), True, 10_000,
    ),
    PAGE: Caller(
        "page", ("journey_stage",), (("personalization", "any"),),
        frozenset({"cookie"}), frozenset({ORIGIN}), False, 10_000,
    ),
    ADS: Caller(
        "ads", ("orders_*",), (("advertising", "ads"),), frozenset(), frozenset(), False, 10_000,
    ),
    MARKETER: Caller(
        "marketer", ("*",), (("marketing", "email"),), frozenset(), frozenset(), False, 10_000,
        "marketer",
    ),
    ANALYST: Caller(
        "analyst", ("*",), (("marketing", "email"),), frozenset(), frozenset(), False, 10_000,
        "analyst",
    ),
    SLOW: Caller(
        "slow", (), (("analytics", "any"),), frozenset(), frozenset(), False, 0.5,
    ),
}  # fmt: skip
RULES = ApiRules({hashed(token): caller for token, caller in CALLERS.items()}, 2.0, 60)
ANN = ("email", "ann@example.org")
PEOPLE = (
    ProfileRecord(
        "p-ann",
        Version(7),
        {"orders_lifetime": 3, "journey_stage": "active"},
        {"loyal": stores.AT, "at_risk": stores.AT},
        {"churn_score": 0.5, "persona": "Regular"},
        {"marketing/email": "granted", "personalization/any": "granted"},
        (),
        (ANN, ("cookie", "c-ann-1"), ("phone", "+4915112345678")),
    ),
    ProfileRecord(
        "p-bob",
        Version(7),
        {"orders_lifetime": 9, "journey_stage": "lapsed"},
        {"loyal": stores.AT},
        {},
        {"marketing/email": "refused", "analytics/any": "refused"},
        ("analytics",),
        (("email", "bob@example.org"), ("cookie", "c-bob-1")),
    ),
)


def headers(token: str = SERVER, **more: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}", **more}


def service_of(home: Path, store: ProfileStore, **rules: Any) -> ApiService:
    return ApiService(stores.settings_of(home), store, replace(RULES, **rules))


@contextmanager
def client(home: Path, **rules: Any) -> Iterator[TestClient]:
    store = stores.embedded(home)
    store.put(PEOPLE)
    store.keep_state(7, "f")
    app = build(service_of(home, store, **rules))
    with TestClient(app, raise_server_exceptions=False) as found:
        yield found


@contextmanager
def served(service: ApiService) -> Iterator[str]:
    """The address of a real server over the service."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(
            uvicorn.Config(build(service), log_level="critical", timeout_graceful_shutdown=1)
        )
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        deadline = time.monotonic() + 20
        while not server.started:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        try:
            yield f"127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)
