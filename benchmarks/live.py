"""From an acknowledged event to its memberships: seconds at a steady flow, on a copy of a home.

SEGMENTRY_BENCH_HOME names a home after its main job; it is copied, and not changed.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import threading
import time
from collections import deque
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from collector.journal import Journal
from live import engine, inbox
from live.facts import FACTS
from live.publishing import StorePublisher
from live.store.opened import open_store
from segmentry.settings import Settings

SECONDS = 40
RATES = (50, 500)
# Of the events of a shop most are of people it knows; the others begin a profile.
SHARE_KNOWN = 0.8
EVENTS = ("Product Viewed", "Product Added", "Products Searched", "Checkout Started")
Acknowledged = deque[float]


def run() -> dict[str, Any]:
    """Seconds from the acknowledgement to the end of the turn that published the memberships."""
    home = os.environ.get("SEGMENTRY_BENCH_HOME")
    if not home:
        return {"skipped": "SEGMENTRY_BENCH_HOME names no home"}
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder) / "home"
        shutil.copytree(home, copied, symlinks=True, ignore=shutil.ignore_patterns("inbox"))
        settings = Settings.from_environment({"SEGMENTRY_HOME": str(copied)})
        with (
            closing(open_store(settings)) as store,
            engine.started(settings, StorePublisher(store)) as one,
        ):
            begun = time.monotonic()
            one.turn()
            found: dict[str, Any] = {"start_seconds": round(time.monotonic() - begun, 1)}
            for rate in RATES:
                found[f"{rate}_events_per_second"] = _at(one, settings, rate)
            found["load_average"] = os.getloadavg()[0]
    return found


def _at(one: engine.Engine, settings: Settings, rate: int) -> dict[str, Any]:
    accounts = _accounts(one)
    acknowledged: Acknowledged = deque()
    ended = threading.Event()
    journal = Journal(inbox.folder(settings), file_bytes=1 << 24, file_seconds=10)
    arguments = (journal, accounts, rate, acknowledged, ended)
    writer = threading.Thread(target=_write, args=arguments)
    writer.start()
    seconds: list[float] = []
    changes = 0
    while not ended.is_set() or acknowledged:
        turn = one.turn()
        now = time.monotonic()
        while len(acknowledged) < turn.lines:  # read between the fsync and its note here
            time.sleep(0.001)
        seconds += [now - acknowledged.popleft() for _ in range(turn.lines)]
        changes += len(turn.changes)
        if not turn.lines:
            time.sleep(0.05)
    writer.join()
    journal.close()
    seconds.sort()
    points = {f"p{share}": seconds[int(len(seconds) * share / 100)] for share in (50, 95, 99)}
    rounded = {name: round(value, 2) for name, value in points.items()}
    return {"events": len(seconds), "changes": changes, **rounded, "worst": round(seconds[-1], 2)}


def _accounts(one: engine.Engine) -> list[str]:
    rows = one.facts.connection.execute(
        f"select identifier from {FACTS}.identity.identifier_mapping"
        " where identifier_type = 'user_id' order by identifier"
    ).fetchall()
    return [account for (account,) in rows]


def _write(
    journal: Journal,
    accounts: list[str],
    rate: int,
    acknowledged: Acknowledged,
    ended: threading.Event,
) -> None:
    """Write events in groups of a tenth of a second, as the collector does under load."""
    chosen = random.Random(rate)  # the same events each time
    started = time.monotonic()
    for group in range(SECONDS * 10):
        time.sleep(max(0.0, started + group / 10 - time.monotonic()))
        lines = b"".join(_line(chosen, accounts) for _ in range(rate // 10))
        journal.append(lines).result()
        acknowledged.extend([time.monotonic()] * (rate // 10))
    ended.set()


def _line(chosen: random.Random, accounts: list[str]) -> bytes:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    number = chosen.getrandbits(64)
    is_known = chosen.random() < SHARE_KNOWN
    account = chosen.choice(accounts) if is_known else f"bench-{number:x}"
    event = {
        "type": "track",
        "event": chosen.choice(EVENTS),
        "messageId": f"bench-{number:x}-{time.monotonic_ns()}",
        "userId": account,
        "anonymousId": f"browser-{account}",
        "originalTimestamp": now,
        "sentAt": now,
        "receivedAt": now,
        "properties": {"product_id": f"p{chosen.randrange(200)}"},
    }
    return orjson.dumps(event) + b"\n"
