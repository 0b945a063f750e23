"""The one client: what it waits for, when it gives up, and the account limits it shares."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from activation.client import (
    Client,
    Rate,
    RequestRefused,
    Unanswered,
    checked_url,
    retry_after,
    until_reset,
)
from activation.ledger.accounts import FAILURES, LedgerAccounts
from activation.ledger.database import Ledger
from segmentry.errors import ConnectionNotConfigured, DestinationError
from segmentry.settings import Settings


def make(
    home: Settings, answers: list[httpx.Response | Exception], **parts: object
) -> tuple[Client, list[float]]:
    slept: list[float] = []

    def handle(request: httpx.Request) -> httpx.Response:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    client = Client(
        "https://vendor.example.com",
        accounts=LedgerAccounts(Ledger(home)),
        account="vendor:1",
        transport=httpx.MockTransport(handle),
        sleep=slept.append,
        **parts,  # type: ignore[arg-type]
    )
    return client, slept


def test_retry_after_is_a_least_wait(home: Settings) -> None:
    client, slept = make(
        home,
        [httpx.Response(429, headers={"retry-after": "7"}), httpx.Response(200, json={"ok": 1})],
    )
    assert client.json("GET", "/x") == {"ok": 1}
    assert len(slept) == 1
    assert 7.0 <= slept[0] <= 9.0


def test_a_wait_longer_than_a_run_is_left_to_the_next(home: Settings) -> None:
    client, slept = make(home, [httpx.Response(429, headers={"retry-after": "3600"})])
    with pytest.raises(Unanswered):
        client.call("GET", "/x")
    assert slept == []
    assert client.requests == 1


def test_back_off_grows_and_ends(home: Settings) -> None:
    client, slept = make(home, [httpx.ConnectError("refused")])
    with pytest.raises(Unanswered, match="ConnectError"):
        client.call("POST", "/x")
    assert client.requests == 6
    assert slept == sorted(slept)
    assert sum(slept) < 60


def test_a_refusal_is_not_tried_again(home: Settings) -> None:
    client, slept = make(home, [httpx.Response(422, json={"e": "ann@example.com"})])
    with pytest.raises(RequestRefused) as caught:
        client.call("POST", "/x")
    assert caught.value.status == 422
    assert "example" not in str(caught.value)
    assert slept == []


def test_credentials_are_renewed_once(home: Settings) -> None:
    renewed: list[int] = []

    def renew() -> dict[str, str]:
        renewed.append(1)
        return {"authorization": "Bearer new"}

    client, _ = make(home, [httpx.Response(401), httpx.Response(200, json={})], renew=renew)
    client.call("GET", "/x")
    assert renewed == [1]
    client, _ = make(home, [httpx.Response(401)], renew=renew)
    with pytest.raises(DestinationError, match="credentials"):
        client.call("GET", "/x")


def test_the_breaker_opens_for_every_process_and_closes_again(home: Settings) -> None:
    clock = [1000.0]
    ledger = Ledger(home)
    first = LedgerAccounts(ledger, lambda: clock[0])
    second = LedgerAccounts(Ledger(home), lambda: clock[0])
    first.wait("a", None, lambda seconds: None)
    for _ in range(FAILURES):
        first.failed("a")
    with pytest.raises(DestinationError, match="left alone"):
        second.wait("a", None, lambda seconds: None)
    second.wait("b", None, lambda seconds: None)
    clock[0] += 61
    second.wait("a", None, lambda seconds: None)


def test_two_processes_share_one_rate(home: Settings) -> None:
    now = 1000.0
    slept: list[float] = []
    accounts = [LedgerAccounts(Ledger(home), lambda: now) for _ in range(2)]
    for turn in range(10):
        accounts[turn % 2].wait("a", Rate(5, 1.0), slept.append)
    assert slept == pytest.approx([0.2 * turn for turn in range(1, 10)])


def test_headers_that_ask_for_time() -> None:
    later = datetime.now(UTC) + timedelta(seconds=90)
    assert retry_after({"retry-after": "12"}) == 12.0
    assert 85 < (retry_after({"retry-after": format_datetime(later, usegmt=True)}) or 0) < 91
    assert retry_after({"retry-after": "soon"}) is None
    assert 25 < (until_reset({"x-ratelimit-reset": str(int(time.time()) + 30)}) or 0) <= 30
    assert until_reset({"x-ratelimit-reset": "30"}) is None


@pytest.mark.parametrize(
    "url",
    ["http://vendor.example.com", "ftp://x", "vendor", "https://user:pass@vendor.example.com"],
)
def test_an_address_that_is_not_safe_is_refused(url: str) -> None:
    with pytest.raises(ConnectionNotConfigured) as caught:
        checked_url(url)
    assert "pass@" not in str(caught.value)
    assert checked_url("http://127.0.0.1:9/x/") == "http://127.0.0.1:9/x"
