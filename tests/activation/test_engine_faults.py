"""What a sync does when a destination, a batch, another sync or a second process stops it."""

from __future__ import annotations

import json

import pytest

from activation import engine, operate
from activation.ledger import runs
from activation.ledger.database import Ledger
from segmentry.errors import DestinationError, SegmentryError
from tests.activation.engine_shop import (
    SECRET,
    Receiver,
    Reply,
    consent,
    fill,
    mails,
    open_lake,
    receiver,
    send,
    shop_changes,
    webhook,
)
from tests.activation.shop import Shop

__all__ = ["open_lake", "receiver"]

pytestmark = [pytest.mark.usefixtures("open_lake"), pytest.mark.slow]


def test_throttles_and_errors_are_waited_out(shop: Shop, receiver: Receiver) -> None:
    name = webhook(shop)
    consent(shop, "ann")
    fill(shop, name, {"ann": "Ann"})

    def script(number: int, rows: object) -> None:
        if number <= 4:
            raise Reply(
                [429, 503, 500, 502][number - 1],
                headers={"Retry-After": "0"} if number == 1 else {},
            )

    receiver.script = script
    assert send(shop) == (1, "done")
    assert len(receiver.requests) == 5


def test_a_lost_answer_is_sent_again_under_the_same_id(shop: Shop, receiver: Receiver) -> None:
    name = webhook(shop)
    consent(shop, "ann", "bob")
    fill(shop, name, {"ann": "Ann", "bob": "Bob"})

    def script(number: int, rows: list[dict[str, object]]) -> None:
        if number <= 6:
            receiver.accept("lost", rows)
            raise Reply(500)

    receiver.script = script
    with pytest.raises(DestinationError):
        send(shop)
    assert {status for _, status, _ in shop_changes(shop)} == {"retry"}
    fill(shop, name, {"ann": "Ann"})
    assert send(shop) == (2, "done")
    assert set(receiver.people) == mails("ann"), (
        "who may have arrived and is not wanted any more is removed"
    )


def test_a_refused_batch_is_split_down_to_the_guilty_row(shop: Shop, receiver: Receiver) -> None:
    name = webhook(shop)
    names = [f"n{number}" for number in range(20)]
    consent(shop, *names)
    fill(shop, name, dict.fromkeys(names, "x"))

    def script(number: int, rows: list[dict[str, object]]) -> None:
        if any(row["key"] == "n7@example.com" for row in rows):
            raise Reply(400, {"message": "n7@example.com is not welcome"})

    receiver.script = script
    assert send(shop) == (19, "partial")
    assert set(receiver.people) == mails(*names) - mails("n7")
    before = len(receiver.requests)
    assert send(shop) == (0, "partial")
    assert len(receiver.requests) == before + 1, "the next run tries a refused row again"
    assert send(shop)[0] == 0
    assert len(receiver.requests) == before + 1, "after that it waits"
    receiver.script = lambda number, rows: None
    shown, failures = operate.retry(shop.settings, [])
    assert not failures
    assert shown[0]["sent"] == 1
    assert set(receiver.people) == mails(*names)


def test_refused_credentials_stop_the_sync_and_leak_nothing(
    shop: Shop,
    receiver: Receiver,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    name = webhook(shop)
    consent(shop, "ann")
    fill(shop, name, {"ann": "Ann"})

    def script(number: int, rows: object) -> None:
        raise Reply(403, {"message": f"{SECRET} ann@example.com"})

    receiver.script = script
    caplog.set_level(0)
    with pytest.raises(DestinationError) as caught:
        send(shop)
    printed = capsys.readouterr()
    printed_text = "".join(
        [str(caught.value), repr(caught.value), printed.out, printed.err, caplog.text]
    )
    printed_text += json.dumps(shop_changes(shop)) + json.dumps(
        operate.status(shop.settings, []), default=str
    )
    assert "example.com" not in printed_text
    assert SECRET[6:] not in printed_text
    assert receiver.people == {}


def test_one_broken_sync_stops_no_other(
    shop: Shop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEAD_URL", "http://127.0.0.1:9")
    webhook(shop, "broken")
    shop.sync(
        "broken",
        destination="webhook",
        connection={"url": "DEAD_URL", "secret": "SEGMENTRY_WEBHOOK_SECRET"},
    )
    webhook(shop, "good")
    consent(shop, "ann")
    fill(shop, "broken", {"ann": "Ann"})
    fill(shop, "good", {"ann": "Ann"})
    shown, failures = operate.apply(shop.settings, [])
    assert [(row["sync"], row["status"]) for row in shown] == [
        ("broken", "failed"),
        ("good", "done"),
    ]
    assert len(failures) == 1
    assert set(receiver.people) == mails("ann")


def test_a_sync_without_its_connection_reports_it_and_does_not_fail(shop: Shop) -> None:
    name = webhook(shop)
    consent(shop, "ann")
    fill(shop, name, {"ann": "Ann"})
    report = engine.run_sync(shop.settings, name)
    assert report.status == "not_configured"
    assert "SEGMENTRY_WEBHOOK_URL" in report.notes[0]


def test_two_processes_never_run_one_sync_at_once(shop: Shop, receiver: Receiver) -> None:
    name = webhook(shop)
    ledger = Ledger(shop.settings)
    with runs.lease(ledger, name), pytest.raises(SegmentryError, match="another process"):
        send(shop)
    ledger.close()
    assert send(shop) == (0, "unchanged")
