"""Deletions reach every place that a person was ever sent to, and are proved; nobody else is named
there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from activation import deleting, deletion_targets, engine, retirement
from activation.deletion_targets import DeletedPeople, Target
from activation.ledger import deletions as queue
from activation.ledger.database import Ledger
from segmentry.errors import UsageError
from tests.activation.engine_shop import (
    SECRET,
    Receiver,
    Reply,
    consent,
    fill,
    open_lake,
    receiver,
    serving,
    webhook,
)
from tests.activation.shop import Shop

__all__ = ["open_lake", "receiver"]

pytestmark = pytest.mark.usefixtures("open_lake")

EVENT = "segment.people.deleted"
ANN = DeletedPeople(
    frozenset(["p_ann"]), {"email": ["ann@example.com"]}, lambda text: "ann@" in text
)


@pytest.fixture
def other() -> Iterator[tuple[Receiver, str]]:
    made = Receiver()
    with serving(made) as url:
        yield made, url


def _sent(shop: Shop, *people: str, name: str = "hook", **content: Any) -> None:
    webhook(shop, name, **content)
    consent(shop, *people)
    fill(shop, name, dict.fromkeys(people, "x"))
    engine.run_sync(shop.settings, name, release=["removals", "empty", "first_run"])


def _carry_out(shop: Shop) -> tuple[deleting.DeletionReport, list[Target]]:
    found = deletion_targets.find(shop.settings, "e1", ANN)
    deleting.enqueue(shop.settings, "e1", found)
    return deleting.carry_out(shop.settings, "e1", found), found


def _asked(one: Receiver) -> list[str]:
    return [
        row["key"] for body in one.requests if body["type"] == EVENT for row in body["data"]["rows"]
    ]


def _rows(shop: Shop) -> str:
    ledger = Ledger(shop.settings)
    with ledger.begin() as c:
        rows = c.execute(sa.text("select * from deletions")).all()
    ledger.close()
    return json.dumps([list(map(str, row)) for row in rows])


def test_who_left_the_audience_long_ago_is_deleted_and_others_are_not(
    shop: Shop, receiver: Receiver
) -> None:
    _sent(shop, "ann", "bob")
    _sent(shop, "bob")
    assert set(receiver.people) == {"bob@example.com"}
    report, _ = _carry_out(shop)
    assert report == deleting.DeletionReport({"hook": 1})
    assert _asked(receiver) == ["ann@example.com"]
    assert set(receiver.people) == {"bob@example.com"}
    assert "@" not in _rows(shop)
    assert "p_ann" not in _rows(shop)


def test_who_was_never_sent_is_named_nowhere(shop: Shop, receiver: Receiver) -> None:
    _sent(shop, "bob")
    report, found = _carry_out(shop)
    assert (report, found) == (deleting.DeletionReport(), [])
    assert _asked(receiver) == []


@pytest.mark.slow
def test_a_former_place_and_a_retired_sync_are_asked_too(
    shop: Shop,
    receiver: Receiver,
    other: tuple[Receiver, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    second, url = other
    _sent(shop, "ann", "bob")
    monkeypatch.setenv("SEGMENTRY_WEBHOOK_URL_FORMER", _value("SEGMENTRY_WEBHOOK_URL"))
    monkeypatch.setenv("SEGMENTRY_WEBHOOK_URL", url)
    engine.run_sync(shop.settings, "hook", release=["removals", "empty", "first_run"])
    assert (set(receiver.people), len(second.people)) == (set(), 2)
    webhook(shop, "hook", enabled=False)
    retirement.retire(shop.settings, "hook")
    report, found = _carry_out(shop)
    assert len(found) == 2
    assert report == deleting.DeletionReport({"hook": 2})
    assert _asked(receiver) == _asked(second) == ["ann@example.com"]


@pytest.mark.slow
def test_a_place_that_no_credential_reaches_stays_open_until_an_operator_confirms(
    shop: Shop,
    receiver: Receiver,
    other: tuple[Receiver, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _sent(shop, "ann")
    monkeypatch.setenv("SEGMENTRY_WEBHOOK_URL_FORMER", _value("SEGMENTRY_WEBHOOK_URL"))
    monkeypatch.setenv("SEGMENTRY_WEBHOOK_URL", other[1])
    engine.run_sync(shop.settings, "hook", release=["removals", "empty", "first_run"])
    monkeypatch.delenv("SEGMENTRY_WEBHOOK_URL_FORMER")
    report, found = _carry_out(shop)
    assert report.confirmed == {"hook": 1}
    assert len(report.left) == 1
    assert "cannot be reached" in report.left[0]
    with pytest.raises(UsageError, match="no open deletion"):
        deleting.confirm(shop.settings, "e1", "other", "ticket 1")
    assert deleting.confirm(shop.settings, "e1", "hook", "ticket 4711 of ann@example.com") == 1
    assert deleting.carry_out(shop.settings, "e1", found).left == []
    assert "@" not in _rows(shop)
    assert "by an operator: ticket 4711" in _rows(shop)


def test_an_outage_keeps_it_open_and_the_next_run_goes_on(shop: Shop, receiver: Receiver) -> None:
    _sent(shop, "ann", "bob")

    def down(number: int, rows: list[dict[str, Any]]) -> None:
        raise Reply(400, {"message": "ann@example.com is not known"})

    receiver.script = down
    report, found = _carry_out(shop)
    assert report == deleting.DeletionReport(left=["hook: 1 deletion(s) were refused"])
    receiver.script = lambda number, rows: None
    assert deleting.carry_out(shop.settings, "e1", found).confirmed == {"hook": 1}
    assert set(receiver.people) == {"bob@example.com"}
    assert "@" not in _rows(shop)
    number = len(receiver.requests)
    assert deleting.carry_out(shop.settings, "e1", found).confirmed == {"hook": 1}
    assert len(receiver.requests) == number, "what is confirmed is not asked for again"


def test_a_kill_behind_the_request_repeats_the_same_message(
    shop: Shop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    _sent(shop, "ann", "bob")

    def killed(_: Ledger, ids: list[str], *__: Any) -> None:
        if ids:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(queue, "record", killed)
        with pytest.raises(KeyboardInterrupt):
            _carry_out(shop)
    report, _ = _carry_out(shop)
    assert report.confirmed == {"hook": 1}
    assert receiver.ids[-1] == receiver.ids[-2]
    assert set(receiver.people) == {"bob@example.com"}


def test_a_tool_without_an_end_point_waits_for_an_operator(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Receiver()
    made.answer = lambda headers, body: (200, {}, {})  # type: ignore[method-assign]
    with serving(made) as url:
        monkeypatch.setenv("SEGMENT_URL", url)
        monkeypatch.setenv("SEGMENT_KEY", SECRET)
        names = {"url": "SEGMENT_URL", "write_key": "SEGMENT_KEY"}
        _sent(shop, "ann", name="tracks", destination="segment", connection=names)
        report, found = _carry_out(shop)
        assert report.left == []
        assert len(report.waiting) == 1
        assert "by hand" in report.waiting[0]
        assert "regulations_token" in report.waiting[0]
        deleting.confirm(shop.settings, "e1", "tracks", "regulation 12")
        assert deleting.carry_out(shop.settings, "e1", found).waiting == []


def _value(name: str) -> str:
    return os.environ[name]
