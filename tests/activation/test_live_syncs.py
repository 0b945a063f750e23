"""Entries and exits that the live engine finds leave at once, once, and only where they may."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import pytest

from activation import engine
from activation.engine import LiveNews
from live import state
from live.state import Change, State, file_of
from live.triggers import NEWS, Courier
from segmentry import sync_files
from segmentry.errors import ConfigError
from tests.activation.engine_shop import (
    Receiver,
    Reply,
    open_lake,
    opt_out,
    receiver,
    webhook,
)
from tests.activation.shop import Shop

__all__ = ["open_lake", "receiver"]
pytestmark = pytest.mark.usefixtures("open_lake")
AT = datetime(2026, 6, 2, 8, 30)
NAMES = ("ann", "bob", "cid", "dee")
LIVE: dict[str, Any] = {
    "schedule": "live",
    "audience": {"segments": ["loyal", "cart"], "grain": "transition"},
    "columns": {
        "email": {"from": "email"},
        "segment": {"row": "segment"},
        "what": {"row": "transition"},
    },
}


class Live:
    """A shop with a live sync, and the state of an engine that a test writes."""

    def __init__(self, shop: Shop, receiver: Receiver, **content: Any) -> None:
        self.shop = shop
        self.receiver = receiver
        shop.people(*NAMES)
        webhook(shop, **{**LIVE, **content})
        rows = ", ".join(f"('hook', 'p_{name}', 'eligible')" for name in NAMES)
        shop.run("create table lake.audiences.candidates as from (values "
                 f"{rows}) as t (sync, profile_id, verdict)")  # fmt: skip
        self.kept = State(file_of(shop.settings))
        self.reports: list[str] = []
        self.start()
        self.happened = 0

    def start(self) -> None:
        """A new engine."""
        self.courier = Courier(self.shop.settings, self.reports.append)
        self.courier.begin(self.kept)

    def happen(
        self, name: str, segment: str = "loyal", change: str = "entered", at: datetime = AT
    ) -> None:
        """The engine finds a change."""
        self.happened += 1
        at = at + timedelta(microseconds=1000 * self.happened)
        with self.kept.transaction():
            self.kept.add_changes([Change(f"p_{name}", segment, change, at, "event")])
            self.kept.keep(state.CLOCK, at)

    def deliver(self) -> None:
        """A look of the courier, however soon after the last one."""
        self.courier._again.update(dict.fromkeys(self.courier._seen, 0.0))
        self.courier.deliver(self.kept)

    def got(self) -> Counter[tuple[str, str, str]]:
        """What the receiver got: each message once, by its id."""
        found: dict[str, list[dict[str, Any]]] = {}
        for message, request in zip(self.receiver.ids, self.receiver.taken, strict=True):  # type: ignore[attr-defined]
            found[message] = request
        return Counter(
            (row["values"]["email"].partition("@")[0], row["values"]["segment"],
             row["values"]["what"])
            for rows in found.values() for row in rows
        )  # fmt: skip


@pytest.fixture
def live(shop: Shop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    remember(receiver, monkeypatch)
    made = Live(shop, receiver)
    with closing(made.kept):
        yield made


def remember(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the receiver keep the rows of each message that it takes."""
    taken: list[list[dict[str, Any]]] = []
    accept = receiver.accept

    def keep(message: str, rows: list[dict[str, Any]]) -> None:
        taken.append(rows)
        accept(message, rows)

    monkeypatch.setattr(receiver, "taken", taken, raising=False)
    monkeypatch.setattr(receiver, "accept", keep)


@pytest.mark.slow
def test_entries_and_exits_leave_once(live: Live) -> None:
    live.happen("ann")
    live.happen("bob", "cart")
    live.deliver()
    live.happen("ann", change="left")
    live.deliver()
    live.deliver()
    live.start()
    live.deliver()
    assert live.got() == Counter(
        [("ann", "loyal", "entered"), ("bob", "cart", "entered"), ("ann", "loyal", "left")]
    )
    assert len(live.receiver.requests) == 2


@pytest.mark.slow
def test_a_job_sends_nothing_of_it_and_removes_nothing(live: Live) -> None:
    live.happen("ann")
    live.deliver()
    sync = sync_files.one(live.shop.settings, "hook")
    assert not sync.is_scheduled
    assert not sync.is_refreshed
    report = engine.run_sync(live.shop.settings, "hook")
    assert sum(report.rows.values()) == 0
    assert len(live.receiver.requests) == 1


@pytest.mark.slow
def test_what_happened_before_the_sync_and_other_segments_are_no_news(
    shop: Shop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(receiver, monkeypatch)
    with closing(State(file_of(shop.settings))) as kept:
        kept.add_changes([Change("p_ann", "loyal", "entered", AT, "event")])
    live = Live(shop, receiver)
    with closing(live.kept):
        live.happen("bob", "another")
        live.deliver()
        assert receiver.requests == []
        live.happen("bob")
        live.deliver()
        assert live.got() == Counter([("bob", "loyal", "entered")])


@pytest.mark.slow
def test_old_news_is_not_sent(live: Live) -> None:
    live.happen("ann", at=AT - NEWS - timedelta(hours=1))
    live.happen("bob")
    live.deliver()
    assert live.got() == Counter([("bob", "loyal", "entered")])


def test_a_refusal_that_no_batch_has_comes_first(live: Live) -> None:
    live.happen("ann")
    live.happen("bob")
    live.kept.add_refusals([("p_ann", "marketing"), ("p_bob", "analytics")])
    live.deliver()
    assert live.got() == Counter([("bob", "loyal", "entered")])


@pytest.mark.slow
def test_a_refusal_between_two_attempts_of_a_request_counts(live: Live) -> None:
    live.happen("ann")
    live.happen("bob")

    def refuse(number: int, rows: list[dict[str, Any]]) -> None:
        if number == 1:
            # The receiver has a thread of its own, as the engine has.
            with closing(State(file_of(live.shop.settings))) as kept:
                kept.add_refusals([("p_ann", "marketing")])
            raise Reply(503)

    live.receiver.script = refuse
    live.deliver()
    assert live.got() == Counter([("bob", "loyal", "entered")])


@pytest.mark.slow
def test_an_opt_out_in_the_lake_comes_first(live: Live) -> None:
    live.happen("ann")
    live.happen("bob")
    opt_out(live.shop, "ann")
    live.deliver()
    assert live.got() == Counter([("bob", "loyal", "entered")])


@pytest.mark.slow
def test_a_person_that_no_batch_has_judged_waits_for_it(live: Live) -> None:
    live.shop.run("update lake.audiences.candidates set verdict = 'unknown_consent'"
                  " where profile_id = 'p_ann'")  # fmt: skip
    live.happen("ann")
    live.deliver()
    assert live.receiver.requests == []
    live.shop.run("update lake.audiences.candidates set verdict = 'eligible'")
    live.deliver()
    assert live.got() == Counter([("ann", "loyal", "entered")])


@pytest.mark.slow
def test_a_tool_that_is_down_gets_it_later(live: Live) -> None:
    def down(number: int, rows: list[dict[str, Any]]) -> None:
        raise Reply(503)

    live.receiver.script = down
    live.happen("ann")
    live.deliver()
    assert live.got() == Counter()
    assert live.reports
    assert "example.com" not in " ".join(live.reports)
    live.receiver.script = lambda number, rows: None
    live.shop.clear_breakers()
    live.deliver()
    assert live.got() == Counter([("ann", "loyal", "entered")])


@pytest.mark.slow
def test_quiet_hours_and_caps_are_kept(
    shop: Shop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(receiver, monkeypatch)
    live = Live(
        shop,
        receiver,
        quiet_hours={"from": "22:00", "to": "07:00"},
        frequency_cap={"most": 1, "days": 1},
    )
    with closing(live.kept):
        hour = [23]
        monkeypatch.setattr("activation.plan.now", lambda: AT.replace(hour=hour[0]))
        live.happen("ann")
        live.happen("ann", "cart")
        live.deliver()
        assert receiver.requests == []
        hour[0] = 8
        live.deliver()
        assert sum(live.got().values()) == 1


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.slow
def test_random_faults_lose_nothing_and_double_nothing(live: Live, seed: int) -> None:
    chosen = random.Random(seed)
    wanted: Counter[tuple[str, str, str]] = Counter()
    members: set[tuple[str, str]] = set()

    def fault(number: int, rows: list[dict[str, Any]]) -> None:
        kind = chosen.choice(["take", "take", "refuse", "lose the answer"])
        if kind == "lose the answer":
            live.receiver.accept(f"lost-{number}", rows)
            raise KeyError("the connection ends")
        if kind == "refuse":
            raise Reply(503)

    live.receiver.script = fault
    for _ in range(8):
        pair = (chosen.choice(NAMES), chosen.choice(["loyal", "cart"]))
        change = "left" if pair in members else "entered"
        members ^= {pair}
        live.happen(*pair, change=change)
        wanted[(*pair, change)] += 1
        if chosen.random() < 0.3:
            live.start()
        if chosen.random() < 0.7:
            live.deliver()
            live.shop.clear_breakers()
    live.receiver.script = lambda number, rows: None
    for _ in range(3):
        live.deliver()
        live.shop.clear_breakers()
    keys = {row["row_key"] for rows in live.receiver.taken for row in rows}  # type: ignore[attr-defined]
    assert len(keys) == sum(wanted.values())
    found = Counter(
        (key.split(":")[0].removeprefix("p_"), key.split(":")[1], key.split(":")[2]) for key in keys
    )
    assert found == wanted


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ({"audience": {"segments": "all"}}, "grain: transition"),
        ({"audience": {"segments": "all", "grain": "membership"}}, "grain: transition"),
        ({"exclusive_group": "calls"}, "exclusive_group"),
        ({"columns": {"email": {"from": "email"}, "s": {"segments": "list"}}}, "row: segment"),
        ({"columns": {"email": {"from": "email"}, "s": {"member_of": "loyal"}}}, "row: segment"),
    ],
)
def test_what_cannot_be_live_is_refused(shop: Shop, content: dict[str, Any], named: str) -> None:
    shop.sync("hook", **{**LIVE, **content})
    with pytest.raises(ConfigError, match=named):
        sync_files.load(shop.settings)


def test_a_destination_that_takes_files_is_refused(shop: Shop) -> None:
    from activation import destination

    shop.sync("hook", **{**LIVE, "destination": "files"})
    with pytest.raises(ConfigError, match="single rows"):
        destination.of(sync_files.one(shop.settings, "hook"))


@pytest.mark.slow
def test_nothing_to_send_needs_no_lake(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    live.happen("ann")
    live.deliver()
    monkeypatch.setattr(engine, "run_sync", _refused)
    live.deliver()
    assert live.got() == Counter([("ann", "loyal", "entered")])


def _refused(*_: Any, live: LiveNews, **__: Any) -> None:
    raise AssertionError("nothing is left to be sent")
