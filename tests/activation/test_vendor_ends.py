"""Requests that a tool ends later, a batch at work while the run is killed, and updates of which a
tool gets what has changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from activation import engine, operate
from activation.ledger import destination_rows as rows_there
from activation.ledger import open_requests
from activation.ledger.database import Ledger
from activation.ledger.tables import destination_rows
from tests.activation import engine_shop, loopback
from tests.activation.ad_platform import AdPlatform, ads, agree, fill, platform
from tests.activation.engine_shop import consent, open_lake
from tests.activation.shop import Shop

__all__ = ["open_lake", "platform"]

pytestmark = [pytest.mark.usefixtures("open_lake"), pytest.mark.slow]

ANN = {"email": "ann@example.com", "phone": "+447700900101"}
BOB = {"email": "bob@example.com", "phone": "+4915112345678"}
GOOGLE = pytest.mark.parametrize("platform", ["google_data_manager"], indirect=True)


def _run(shop: Shop, name: str = "ads") -> Any:
    return engine.run_sync(shop.settings, name, release=["removals", "empty", "changes"])


def _note(shop: Shop) -> str:
    return str(operate.status(shop.settings, ["ads"])[0]["note"])


def _open(shop: Shop) -> int:
    ledger = Ledger(shop.settings)
    found = len(open_requests.of(ledger, "ads"))
    ledger.close()
    return found


@GOOGLE
def test_the_rows_of_a_request_that_failed_later_are_sent_again(
    shop: Shop, platform: AdPlatform
) -> None:
    ads(shop, platform)
    agree(shop, "ann", "bob")
    fill(shop, platform, {"ann": ANN, "bob": BOB})
    platform.ending = "PROCESSING"
    assert _run(shop).status == "done", "a row counts as sent when its request was accepted"
    assert _open(shop) == 1
    assert _run(shop).status == "unchanged"
    assert len(platform.requests) == 1, "what Google works on is not sent again"
    platform.ending = "FAILED"
    platform.members.clear()
    assert _run(shop).status == "partial"
    assert "FAILED" in _note(shop)
    platform.ending = "SUCCESS"
    assert _run(shop).status == "done"
    assert platform.members == platform.should_have({"ann": ANN, "bob": BOB})
    assert _open(shop) == 0
    assert _run(shop).status == "unchanged"


@GOOGLE
def test_a_withdrawal_whose_request_failed_later_is_sent_again(
    shop: Shop, platform: AdPlatform
) -> None:
    ads(shop, platform)
    agree(shop, "ann", "bob")
    fill(shop, platform, {"ann": ANN, "bob": BOB})
    _run(shop)
    agree(shop, "bob", status="withdrawn", at="2026-02-01")
    fill(shop, platform, {"ann": ANN})
    platform.ending = "PROCESSING"
    _run(shop)
    assert platform.members == platform.should_have({"ann": ANN})
    platform.members |= platform.of(BOB)  # as if the platform had not done it
    platform.ending = "FAILED"
    _run(shop)
    platform.ending = "SUCCESS"
    _run(shop)
    assert platform.members == platform.should_have({"ann": ANN})
    assert _open(shop) == 0


class Braze:
    """Every user object that it was sent; status: its next answer."""

    def __init__(self) -> None:
        self.users: list[dict[str, Any]] = []
        self.status = 201

    def taken(self) -> list[dict[str, Any]]:
        """What came since the last call, by address."""
        found = sorted(self.users, key=lambda user: str(user["email"]))
        self.users.clear()
        return found


@pytest.fixture
def braze(monkeypatch: pytest.MonkeyPatch) -> Iterator[Braze]:
    made = Braze()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            made.users += body["attributes"]
            text = json.dumps({"attributes_processed": len(body["attributes"])}).encode()
            self.send_response(made.status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            pass

    with loopback.serving(Handler) as address:
        monkeypatch.setenv("BRAZE_URL", address)
        monkeypatch.setenv("BRAZE_KEY", "key")
        monkeypatch.setattr("activation.client.FIRST_WAIT", 0.001)
        yield made


def _sync(shop: Shop, **first_name: str) -> None:
    shop.sync(
        "people",
        destination="braze",
        connection={"url": "BRAZE_URL", "api_key": "BRAZE_KEY"},
        options={"identifier": "email"},
        columns={"email": {"from": "email"}, "first_name": {"from": "first_name", **first_name}},
    )


def _start(shop: Shop, people: dict[str, str | None]) -> None:
    _sync(shop)
    columns = "row_key varchar, email varchar, first_name varchar"
    shop.run(f"create or replace table lake.audiences.aud_people ({columns})")
    consent(shop, *people)
    engine_shop.fill(shop, "people", people)
    _run(shop, "people")


def test_braze_gets_each_value_once(shop: Shop, braze: Braze) -> None:
    people: dict[str, str | None] = {"ann": "Ann", "bob": "Bob", "cid": "Cid"}
    _start(shop, people)
    assert braze.taken() == [
        {"email": f"{name}@example.com", "first_name": first, "in_people": True}
        for name, first in people.items()
    ]
    engine_shop.fill(shop, "people", {**people, "bob": "Bobby", "cid": None})
    assert operate.plan(shop.settings, ["people"])[0]["update"] == 2
    _run(shop, "people")
    assert braze.taken() == [
        {"email": "bob@example.com", "first_name": "Bobby"},
        {"email": "cid@example.com", "first_name": None},
    ]
    assert _run(shop, "people").status == "unchanged"


def test_braze_gets_all_after_a_change_of_the_mapping(shop: Shop, braze: Braze) -> None:
    _start(shop, {"ann": "Ann"})
    braze.taken()
    _sync(shop, when_null="leave")
    engine_shop.fill(shop, "people", {"ann": "Anna"})
    _run(shop, "people")
    assert braze.taken() == [{"email": "ann@example.com", "first_name": "Anna", "in_people": True}]


def test_braze_gets_all_where_it_is_not_known_what_arrived(shop: Shop, braze: Braze) -> None:
    _start(shop, {"ann": "Ann"})
    braze.status = 503
    engine_shop.fill(shop, "people", {"ann": "Anna"})
    with pytest.raises(Exception, match="did not take"):
        _run(shop, "people")
    braze.status = 201
    braze.taken()
    shop.clear_breakers()
    _run(shop, "people")
    assert braze.taken() == [{"email": "ann@example.com", "first_name": "Anna", "in_people": True}]


def test_a_row_of_an_older_ledger_is_sent_whole_when_it_changes(shop: Shop, braze: Braze) -> None:
    import sqlite3

    _start(shop, {"ann": "Ann", "bob": "Bob"})
    braze.taken()
    with sqlite3.connect(shop.settings.home / "ledger.sqlite") as ledger:
        ledger.execute(
            f"update {destination_rows.name} set payload_hash = substr(payload_hash, 1, 32)"
        )
        ledger.execute("update sync_states set fingerprint = null")
    engine_shop.fill(shop, "people", {"ann": "Anna", "bob": "Bob"})
    _run(shop, "people")
    assert braze.taken() == [{"email": "ann@example.com", "first_name": "Anna", "in_people": True}]


class Mailchimp:
    """Batches that it was sent, and the segment's members."""

    def __init__(self) -> None:
        self.batches: list[list[dict[str, Any]]] = []
        self.segment: set[str] = set()

    def answer(self, method: str, path: str, body: Any) -> Any:
        if path == "/batches":
            self.batches.append(body["operations"])
            return {"id": str(len(self.batches)), "status": "pending"}
        if path.startswith("/batches/"):
            number = len(self.batches[int(path.rpartition("/")[2]) - 1])
            counts = {"finished_operations": number, "errored_operations": 0}
            return {"status": "finished", **counts}
        self.segment |= set((body or {}).get("members_to_add", []))
        self.segment -= set((body or {}).get("members_to_remove", []))
        return {}


@pytest.fixture
def mailchimp(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailchimp]:
    made = Mailchimp()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            text = json.dumps(made.answer(self.command, self.path, body)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_PUT = do_POST  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    with loopback.serving(Handler) as address:
        monkeypatch.setenv("MAILCHIMP_URL", address)
        for name in ("API_KEY", "LIST_ID", "SEGMENT_ID"):
            monkeypatch.setenv(f"MAILCHIMP_{name}", "7")
        yield made


def test_a_batch_of_mailchimp_outlives_the_run_that_made_it(
    shop: Shop, mailchimp: Mailchimp, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ("url", "api_key", "list_id", "segment_id")
    shop.sync(
        "people",
        destination="mailchimp",
        connection={setting: f"MAILCHIMP_{setting.upper()}" for setting in settings},
        columns={"email": {"from": "email"}, "fname": {"from": "first_name"}},
        limits={"requests": 10_000},
    )
    shop.run(
        "create or replace table lake.audiences.aud_people"
        " (row_key varchar, email varchar, fname varchar)"
    )
    people: dict[str, str | None] = {f"n{place}": "Ann" for place in range(15)}
    consent(shop, *people)
    engine_shop.fill(shop, "people", people)

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("activation.send.jobs.wait", killed)
        with pytest.raises(KeyboardInterrupt):
            _run(shop, "people")
    assert not mailchimp.segment
    consent(shop, "n4", status="withdrawn", at="2026-02-01")
    del people["n4"]
    engine_shop.fill(shop, "people", people)
    _run(shop, "people")
    assert len(mailchimp.batches) == 1, "the members were written once"
    assert mailchimp.segment == {f"{name}@example.com" for name in people}
    assert _run(shop, "people").status == "unchanged"
    ledger = Ledger(shop.settings)
    assert rows_there.count(ledger, "people") == len(people)
    ledger.close()
