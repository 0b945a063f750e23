"""A destination that does everything wrong, and a process that is killed at any moment: it ends right all the same."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from activation import engine
from segmentry.errors import SegmentryError
from segmentry.settings import ROOT
from tests.activation.engine_shop import Receiver, Reply, consent, fill, receiver, webhook
from tests.activation.shop import Shop, decision

__all__ = ["receiver"]

NAMES = [f"n{number}" for number in range(24)]
# In CI a few schedules and kills, in a soak many: each costs a few seconds.
SCHEDULES = int(os.environ.get("SEGMENTRY_SOAK_SCHEDULES", "2"))
KILLS = int(os.environ.get("SEGMENTRY_SOAK_KILLS", "6"))


def misbehave(receiver: Receiver, dice: random.Random, counts: Counter[str]) -> None:
    """Half of all requests go wrong, in one of the ways in which real ends do."""

    def script(number: int, rows: list[dict[str, object]]) -> None:
        ways = ("throttled", "outage", "committed then lost", "half committed", "one refused", "fine", "fine", "fine")
        way = dice.choice(ways)
        counts[way] += 1
        if way == "throttled":
            raise Reply(429, headers=dice.choice([{}, {"Retry-After": "0"}]))
        if way == "outage":
            raise Reply(dice.choice([500, 502, 503, 504]))
        if way == "committed then lost":
            receiver.accept(f"lost{number}", rows)
            raise Reply(500)
        if way == "half committed":
            receiver.accept(f"half{number}", rows[: len(rows) // 2])
            raise Reply(503)
        if way == "one refused" and len(rows) > 1:
            receiver.accept(f"part{number}", rows[1:])
            results = [{"row_key": rows[0]["row_key"], "status": "error", "retryable": True, "message": "later"}]
            raise Reply(200, {"results": results})

    receiver.script = script


def settle(shop: Shop, name: str, receiver: Receiver, tries: int = 30) -> None:
    """Run until a run has nothing to ask of the destination."""
    for _ in range(tries):
        before = len(receiver.requests)
        try:
            engine.run_sync(shop.settings, name, release=["removals", "empty"])
        except SegmentryError:
            shop.clear_breakers()
            continue
        if len(receiver.requests) == before:
            return
    pytest.fail("the sync did not come to rest")


@pytest.mark.parametrize("seed", range(SCHEDULES))
def test_after_any_schedule_the_destination_holds_what_is_wanted(shop: Shop, receiver: Receiver, seed: int) -> None:
    dice = random.Random(seed)
    counts: Counter[str] = Counter()
    name = webhook(shop, limits={"batch_rows": 5})
    consent(shop, *NAMES[:-1])  # the last one has never agreed
    refused: set[str] = {NAMES[-1]}
    for _ in range(3):
        misbehave(receiver, dice, counts)
        fill(shop, name, {who: dice.choice(["a", "b", None]) for who in dice.sample(NAMES, 15)})
        before = set(receiver.ever)
        try:
            engine.run_sync(shop.settings, name, release=["removals", "empty"])
        except SegmentryError:
            shop.clear_breakers()
        leaving = dice.choice([who for who in NAMES if who not in refused])
        refused.add(leaving)
        shop.put("marts.consents", [decision(leaving, "withdrawn", "2026-05-20")])
        assert before <= receiver.ever
    wanted = {who: dice.choice(["a", "b", None]) for who in dice.sample(NAMES, 15)}
    fill(shop, name, wanted)
    arrived = set(receiver.ever)
    settle(shop, name, receiver)
    print(dict(counts))
    allowed = {f"{who}@example.com": first for who, first in wanted.items() if who not in refused}
    assert {mail: values["first_name"] for mail, values in receiver.people.items()} == allowed
    assert f"{NAMES[-1]}@example.com" not in receiver.ever
    assert not (receiver.ever - arrived) & {f"{who}@example.com" for who in refused}


def test_killed_at_any_moment_and_run_again_it_ends_right(shop: Shop, receiver: Receiver) -> None:
    dice = random.Random(11)
    name = webhook(shop, limits={"batch_rows": 2})
    consent(shop, *NAMES)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.activation._killed", str(shop.settings.config), name]
    killed = 0
    for turn in range(KILLS):
        fill(shop, name, dict.fromkeys(dice.sample(NAMES, 20), f"{turn}"))
        seen = len(receiver.requests)
        process = subprocess.Popen(
            command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        after = dice.randrange(0, 9)
        while process.poll() is None and len(receiver.requests) < seen + after:
            time.sleep(0.002)
        time.sleep(dice.random() * 0.02)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.wait()
    wanted = dict.fromkeys(NAMES[:15], "end")
    fill(shop, name, wanted)
    settle(shop, name, receiver)
    print(f"{killed} kills, {len(receiver.requests)} requests")
    assert killed
    assert set(receiver.people) == {f"{who}@example.com" for who in wanted}
    assert {values["first_name"] for values in receiver.people.values()} == {"end"}
    before = len(receiver.requests)
    assert engine.run_sync(shop.settings, name).status == "unchanged"
    assert len(receiver.requests) == before
