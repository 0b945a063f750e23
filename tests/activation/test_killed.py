"""A process is killed at any time, hundreds of times: the next runs end with the right rows."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from activation import engine, operate
from activation.ledger import open_requests
from activation.ledger.database import Ledger
from segmentry.errors import SegmentryError
from segmentry.settings import ROOT
from tests.activation.engine_shop import Receiver, consent, fill, open_lake, receiver, webhook
from tests.activation.shop import Shop, decision

pytestmark = pytest.mark.slow

__all__ = ["open_lake", "receiver"]

NAMES = [f"n{number}" for number in range(24)]
KILLS = int(os.environ.get("SEGMENTRY_KILLS", "200"))
QUICK_KILLS = 60
SOAK_KILLS = int(os.environ.get("SEGMENTRY_SOAK_KILLS", "1000"))
SHARE_OF_NOTICES = 5  # every fifth kill is of a sync whose destination recognizes no repetition
SHARE_OF_FILES = 10


class Lives:
    """The forking server, and the kills."""

    def __init__(self, shop: Shop, dice: random.Random) -> None:
        self.dice = dice
        self.ways: Counter[str] = Counter()
        self.pid = 0
        self.is_over = False
        self._lock = threading.Lock()
        self.server = subprocess.Popen(
            [sys.executable, "-m", "tests.activation._killed", str(shop.settings.config)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def kill(self, way: str) -> None:
        """End the life that is going on, if one is."""
        with self._lock:
            if self.pid:
                self.ways[way] += 1
                os.kill(self.pid, signal.SIGKILL)
                self.pid = 0

    def live(self, name: str, transaction: int = 0, after: float | None = None) -> str:
        """One life: 'killed', '0' for an end of its own, '1' for an error of its own."""
        assert self.server.stdin
        assert self.server.stdout
        self.server.stdin.write(f"{name} {transaction or ''}\n")
        self.server.stdin.flush()
        self.pid = int(self.server.stdout.readline())
        timer = threading.Timer(after, self.kill, ["after a time"]) if after is not None else None
        if timer:
            timer.start()
        ended = self.server.stdout.readline().strip()
        with self._lock:
            self.pid = 0
        if timer:
            timer.cancel()
        if transaction and ended == "killed":
            self.ways["before a commit" if transaction < 0 else "after a commit"] += 1
        return ended

    def close(self) -> None:
        assert self.server.stdin
        self.server.stdin.close()
        self.server.wait(timeout=30)


@pytest.fixture
def lives(shop: Shop, receiver: Receiver, open_lake: None) -> Iterator[Lives]:
    webhook(shop, limits={"batch_rows": 3})
    webhook(shop, "notices")
    shop.sync(
        "notices",
        destination="slack",
        connection={
            "url": "TEST_SLACK_URL",
            "token": "TEST_SLACK_TOKEN",
            "channel": "TEST_SLACK_CHANNEL",
        },
        mode="insert",
        limits={"batch_rows": 2, "requests": 1000},
    )
    webhook(shop, "letters")
    shop.sync("letters")
    os.environ.update(
        TEST_SLACK_URL=os.environ["SEGMENTRY_WEBHOOK_URL"],
        TEST_SLACK_TOKEN="t0ken",
        TEST_SLACK_CHANNEL="c",
    )
    consent(shop, *NAMES[:-1])  # the last one has never agreed
    made = Lives(shop, random.Random(7))
    yield made
    made.close()
    for name in ("TEST_SLACK_URL", "TEST_SLACK_TOKEN", "TEST_SLACK_CHANNEL"):
        del os.environ[name]


def kill_in_requests(
    lives: Lives, receiver: Receiver, refused: set[str], notices: list[str]
) -> list[str]:
    """Answers, and kills lives before or after what they sent was taken. Gives who arrived and had
    refused.
    """
    violations: list[str] = []

    def script(number: int, rows: list[dict[str, Any]]) -> None:
        arrived = {row["key"].partition("@")[0] for row in rows if row["operation"] != "remove"}
        violations.extend(arrived & refused)
        if lives.dice.random() < 0.08:
            lives.kill("before it arrived")
        elif lives.dice.random() < 0.08:
            receiver.accept(f"killed{number}", rows)
            lives.kill("after it arrived")

    def answer(headers: Any, body: bytes) -> tuple[int, Any, dict[str, str]]:
        content = json.loads(body)
        if "text" not in content:
            return heard(headers, body)
        if lives.is_over:
            notices.append(content["text"])
            return 200, {"ok": True}, {}
        if lives.dice.random() < 0.1:
            lives.kill("before a notice")
            return 500, {}, {}
        notices.append(content["text"])
        if lives.dice.random() < 0.1:
            lives.kill("after a notice")
        return 200, {"ok": True}, {}

    heard = receiver.answer
    receiver.script = script
    receiver.answer = answer  # type: ignore[method-assign]
    return violations


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize(
    "kills",
    [
        QUICK_KILLS,
        pytest.param(KILLS, marks=pytest.mark.slow),
        pytest.param(SOAK_KILLS, marks=pytest.mark.soak),
    ],
)
def test_killed_hundreds_of_times_it_ends_right(
    shop: Shop, receiver: Receiver, lives: Lives, kills: int
) -> None:
    refused = {NAMES[-1]}
    notices: list[str] = []
    violations = kill_in_requests(lives, receiver, refused, notices)
    dice = lives.dice
    killed = 0
    turn = 0
    added = 0
    while killed < kills:
        turn += 1
        assert turn < 6 * kills, "too few lives were killed"
        name = (
            "letters"
            if turn % SHARE_OF_FILES == 0
            else "notices"
            if turn % SHARE_OF_NOTICES == 0
            else "hook"
        )
        if name == "notices":
            added = _add_people(shop, added)
        elif turn % 3 == 1:
            fill(
                shop, name, {who: dice.choice([None, str(turn)]) for who in dice.sample(NAMES, 16)}
            )
        if turn % 40 == 0:
            leaving = dice.choice(NAMES)
            shop.put("marts.consents", [decision(leaving, "withdrawn", "2026-05-20")])
            time.sleep(0.2)  # what a killed life had sent is taken by now
            refused.add(leaving)
        transaction = dice.choice([-1, 1]) * dice.randrange(1, 30) if dice.random() < 0.45 else 0
        ended = lives.live(
            name,
            transaction,
            None if transaction or dice.random() < 0.4 else dice.uniform(0.005, 0.25),
        )
        assert ended in ("0", "1", "killed"), ended
        killed += ended == "killed"
    print(f"{killed} kills in {turn} lives: {dict(lives.ways)}; {len(receiver.requests)} requests")
    assert len([way for way in lives.ways if lives.ways[way]]) >= 5
    assert not violations, "a person who opted out arrived"
    receiver.script = lambda number, rows: None
    lives.is_over = True
    _assert_the_destination_is_right(shop, receiver, refused)
    _assert_the_files_are_right(shop, refused)
    _assert_nobody_is_named_twice(shop, notices, added)


def _add_people(shop: Shop, added: int) -> int:
    """Four more people, who all opted in, enter the audience of the notices."""
    values = ", ".join(f"('p_t{n}', 't{n}@example.com', null)" for n in range(added, added + 4))
    shop.run(f"insert into lake.audiences.aud_notices values {values}")
    shop.put("marts.consents", [decision(f"t{n}") for n in range(added, added + 4)])
    return added + 4


def _rest(shop: Shop, name: str) -> None:
    ends: list[str] = []
    for _ in range(6):
        try:
            report = engine.run_sync(shop.settings, name, release=["removals", "empty"])
        except SegmentryError as error:
            ends.append(str(error))
            shop.clear_breakers()
            continue
        if report.status == "unchanged":
            return
        ends.append(report.status)
    pytest.fail(f"{name} did not come to rest: {ends}")


def _outcomes(shop: Shop, name: str) -> dict[str, str]:
    """The last outcome of each row."""
    operate.publish(shop.settings)
    last = (
        "select row_key, max_by(status, change_id) from activation.sync_changelog where sync = '{}'"
        " group by 1"
    )
    return dict(shop.rows(last.format(name)))


def _assert_the_destination_is_right(shop: Shop, receiver: Receiver, refused: set[str]) -> None:
    wanted = dict.fromkeys(NAMES[:16], "end")
    fill(shop, "hook", wanted)
    _rest(shop, "hook")
    allowed = {f"{who}@example.com" for who in wanted if who not in refused}
    assert set(receiver.people) == allowed
    assert {values["first_name"] for values in receiver.people.values()} == {"end"}
    assert f"{NAMES[-1]}@example.com" not in receiver.ever, "a person who never opted in arrived"
    outcomes = _outcomes(shop, "hook")
    assert {who for who in wanted if who not in refused and outcomes[f"p_{who}"] != "sent"} == set()
    assert {f"p_{key.partition('@')[0]}" for key in receiver.ever} <= set(outcomes), (
        "a row without an outcome"
    )
    ledger = Ledger(shop.settings)
    assert open_requests.of(ledger, "hook") == []
    ledger.close()
    before = len(receiver.requests)
    assert engine.run_sync(shop.settings, "hook").status == "unchanged"
    assert len(receiver.requests) == before


def _assert_the_files_are_right(shop: Shop, refused: set[str]) -> None:
    fill(shop, "letters", dict.fromkeys(NAMES[:16], "end"))
    _rest(shop, "letters")
    folder = shop.settings.outbox / "letters"
    manifest = json.loads((folder / "manifest.json").read_text())
    lines = (folder / manifest["files"][0]["path"]).read_text().splitlines()[1:]
    assert {line.partition("@")[0] for line in lines} == {
        who for who in NAMES[:16] if who not in refused
    }
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["manifest.json", manifest["files"][0]["path"]]
    )


def _assert_nobody_is_named_twice(shop: Shop, notices: list[str], added: int) -> None:
    _rest(shop, "notices")
    entered = sum(int(text.partition(": ")[2].split()[0]) for text in notices)
    outcomes = Counter(_outcomes(shop, "notices").values())
    print(f"{added} people, {entered} named, {dict(outcomes)}")
    assert sum(outcomes.values()) == added, "a row without an outcome"
    assert set(outcomes) <= {"sent", "unknown"}
    assert outcomes["sent"] <= entered <= added, "a person is named twice, or counted twice"
