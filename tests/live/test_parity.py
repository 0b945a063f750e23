"""The live engine and a batch of the same bytes at the same time agree; what the batch decides
alone is named.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from live import checking, engine, running
from live.publishing import StorePublisher
from live.state import State
from live.state import file_of as state_of
from live.store.opened import open_store
from segmentry import warehouse
from segmentry.settings import ROOT, Settings
from tests.live import shop
from tests.live.shop import DAY, HOUR, Writer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return shop.build(tmp_path_factory.mktemp("parity"))


@pytest.fixture
def settings(built: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    shutil.copytree(built.home, tmp_path / "home", symlinks=True)
    monkeypatch.setenv("SEGMENTRY_HOME", str(tmp_path / "home"))
    return shop.settings_of(tmp_path / "home")


def test_random_events_at_several_times_give_what_a_batch_gives(settings: Settings) -> None:
    writer = Writer(settings, seed=3)
    clock = shop.clock_of(settings)
    changes = 0
    with engine.started(settings) as one:
        for step, (count, later) in enumerate([(30, HOUR), (1, DAY), (40, 8 * DAY), (0, 12 * DAY)]):
            as_of = clock + later
            lines = writer.lines(as_of, count)
            for first in range(0, len(lines), 10):
                is_moved = bool(step % 2)
                shop.append(settings, lines[first : first + 10], is_moved=is_moved)
                changes += len(one.turn(as_of=as_of).changes)
            while True:
                turn = one.turn(as_of=as_of)
                changes += len(turn.changes)
                if not turn.is_more:
                    break
        assert one.state.counts()["waiting_events"] == writer.written
    assert changes > 20
    found = checking.compare(settings)
    assert found.as_of == clock + 12 * DAY
    assert found.compared > 50
    assert [one for one in found.differences if one.cause == checking.UNEXPLAINED] == []
    assert len(found.differences) < found.compared / 5
    assert running.status(settings)["bytes_in_inbox"] == 0
    assert not (settings.scratch / "live_check").exists()


def test_behind_a_batch_nothing_waits_and_nothing_is_sent_twice(settings: Settings) -> None:
    as_of = shop.clock_of(settings) + HOUR
    writer = Writer(settings, seed=6)
    shop.append(settings, writer.lines(as_of, 30))
    turns = list(running.once(settings, as_of))
    assert sum(len(turn.changes) for turn in turns) > 5
    shop.append(settings, [], is_moved=True)
    program = f"from live import checking; checking.run_stages('{as_of.isoformat()}')"
    done = shop.run_python(settings.home, program)
    assert done.returncode == 0, done.stdout[-3000:]
    # What arrives behind the batch is read on, and the same again changes nothing.
    shop.append(settings, writer.lines(as_of, 1))
    list(running.once(settings, as_of))
    list(running.once(settings, as_of))
    with closing(State(state_of(settings))) as kept:
        assert kept.counts()["waiting_events"] == 1
        _check_alternate((c.profile_id, c.segment, c.change) for c in kept.changes())
        live = set(kept.memberships())
    with warehouse.connect(settings, read_only=True) as lake:
        sql = "select profile_id, segment from lake.segments.segment_memberships"
        batch = set(lake.execute(sql).fetchall())
    assert len(batch) > 20
    # One profile had one event more.
    assert len({profile_id for profile_id, _ in live ^ batch}) <= 1


KILLS = 4
_FOLLOW = """
import threading
from contextlib import closing
from datetime import datetime
from live import running
from live.publishing import StorePublisher
from live.store.opened import open_store
from live.publishing import StorePublisher
from live.state import State
from live.state import file_of as state_of
from live.store.opened import open_store
from segmentry.settings import ROOT, Settings
settings = Settings.from_environment()
with closing(open_store(settings)) as store:
    print("started", flush=True)
    running.follow(
        settings, threading.Event(), lambda turn: print(turn.lines, flush=True), every=0.02,
        as_of=datetime.fromisoformat("{as_of}"), publisher=StorePublisher(store),
    )
"""


@pytest.mark.parametrize(
    ("seed", "kills"), [(1, KILLS), pytest.param(2, 40, marks=pytest.mark.soak)]
)
def test_kills_at_any_point_lose_nothing_and_send_nothing_twice(
    settings: Settings, tmp_path: Path, seed: int, kills: int
) -> None:
    as_of = shop.clock_of(settings) + HOUR
    chosen = random.Random(seed)
    writer = Writer(settings, seed)
    written = 0
    for number in range(kills):
        program = _FOLLOW.format(as_of=as_of)
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with subprocess.Popen(
            [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "started\n"
            # The first turn takes up the batch; a kill may come before it, within it or behind it.
            if number % 2:
                process.stdout.readline()
            for _ in range(3):
                shop.append(settings, writer.lines(as_of, 5), is_moved=chosen.random() < 0.3)
                time.sleep(chosen.random() / 2)
            process.send_signal(signal.SIGKILL)
        written += 1
    assert written == kills
    with closing(open_store(settings)) as store:
        list(running.once(settings, as_of, StorePublisher(store)))
        logged = store.changes(None, 100_000)
    calm = _uninterrupted(settings, tmp_path / "calm", as_of)
    with closing(State(state_of(settings))) as kept:
        assert kept.counts()["waiting_events"] == writer.written
        assert set(kept.memberships()) == calm
        _check_alternate((c.profile_id, c.segment, c.change) for c in kept.changes())
    assert logged
    _check_alternate((c.profile_id, c.segment, c.change) for c in logged)


def _uninterrupted(settings: Settings, home: Path, as_of: datetime) -> set[tuple[str, str]]:
    """Memberships that one engine gives which reads the same files at once."""
    ignored = shutil.ignore_patterns("live.sqlite*", "store", "scratch")
    shutil.copytree(settings.home, home, symlinks=True, ignore=ignored)
    copied = shop.settings_of(home)
    list(running.once(copied, as_of))
    with closing(State(state_of(copied))) as kept:
        return set(kept.memberships())


def _check_alternate(changes: Iterable[tuple[str, str, str]]) -> None:
    """An entry follows an exit, and an exit an entry: none of them is there twice."""
    newest: dict[tuple[str, str], str] = {}
    for profile_id, segment, change in changes:
        assert newest.get((profile_id, segment)) != change
        newest[profile_id, segment] = change
