"""`segmentry consent withdraw` while 100,000 rows are sent: no request that starts after the
command has returned contains the person.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from activation import engine
from segmentry.settings import ROOT
from tests.activation.engine_shop import Receiver, receiver, webhook
from tests.activation.shop import Shop

__all__ = ["receiver"]
ROWS = 100_000
BATCH = 500
# People whose rows come near the end, so that each is still to be sent as the command returns.
LEAVING = tuple(f"n{number:06}" for number in range(ROWS - 5, ROWS))


@dataclass
class Watched:
    """When requests started, with those of the leaving people that they contained; when each
    command returned.
    """

    started: list[tuple[float, set[str]]] = field(default_factory=list)
    returned: dict[str, float] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)


def stock(shop: Shop) -> str:
    name = webhook(shop, limits={"batch_rows": BATCH})
    number = f"select format('n{{:06}}', i) as name from range({ROWS}) as t (i)"
    shop.run(
        "insert into lake.marts.consents by name select 'p_' || name as profile_id, 'email' as"
        " identifier_type, name || '@example.com' as identifier, 'marketing' as purpose, 'email' as"
        f" channel, 'granted' as status, timestamp '2026-01-01' as decided_at from ({number})"
    )
    shop.run(
        f"insert into lake.audiences.aud_{name} select 'p_' || name, name || '@example.com', 'X'"
        f" from ({number})"
    )
    shop.run(
        "insert into lake.identity.identifier_mapping select 'email', name || '@example.com', 'p_'"
        f" || name from ({number})"
    )
    return name


def withdraw(shop: Shop, watched: Watched, person: str) -> None:
    """As an operator does it, in a process of its own."""
    settings = shop.settings
    began = time.monotonic()
    names = {"SEGMENTRY_HOME": str(settings.home), "SEGMENTRY_CONFIG": str(settings.config),
             "PYTHONPATH": str(ROOT)}  # fmt: skip
    words = ["consent", "withdraw", f"email:{person}@example.com", "--output", "json"]
    program = "from cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        env={**os.environ, **names}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    watched.returned[person] = time.monotonic()
    watched.seconds.append(time.monotonic() - began)


@pytest.mark.soak
def test_nobody_who_withdrew_is_in_a_request_that_starts_later(
    shop: Shop, receiver: Receiver
) -> None:
    name = stock(shop)
    watched = Watched()
    threads: list[threading.Thread] = []
    addresses = {f"{person}@example.com": person for person in LEAVING}

    def script(number: int, rows: list[dict[str, Any]]) -> None:
        found = {addresses[row["key"]] for row in rows if row["key"] in addresses}
        watched.started.append((time.monotonic(), found))
        if number in (10, 20, 30, 40, 50):
            person = LEAVING[number // 10 - 1]
            thread = threading.Thread(target=withdraw, args=(shop, watched, person))
            thread.start()
            threads.append(thread)
        is_near_end = number * BATCH > ROWS * 0.9
        if is_near_end and len(watched.returned) < len(LEAVING):
            for thread in threads:  # the last rows wait until every command has returned
                thread.join()
        time.sleep(0.02)

    receiver.script = script
    began = time.monotonic()
    engine.run_sync(shop.settings, name)
    seconds = time.monotonic() - began
    assert set(watched.returned) == set(LEAVING)
    later = [
        (person, at)
        for at, found in watched.started
        for person in found
        if at > watched.returned[person]
    ]
    behind = {
        person: sum(at > returned for at, _ in watched.started)
        for person, returned in watched.returned.items()
    }
    print(
        f"\n{ROWS:,} rows in {len(watched.started):,} requests and {seconds:.1f} s; "
        f"{len(LEAVING)} withdrawals took {min(watched.seconds):.1f} to {max(watched.seconds):.1f}"
        f" s each; {min(behind.values()):,} to {max(behind.values()):,} requests started after a"
        f" command had returned, {len(later)} of them with the person"
    )
    assert min(behind.values()) > 0
    assert not later
    assert len(receiver.people) == ROWS - len(LEAVING)
