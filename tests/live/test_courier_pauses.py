"""What could not be sent is tried again, ever less often; what is new is sent at once."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import pytest

from live import triggers
from live.state import State
from live.triggers import LONGEST, LOOK, RETRY, Courier
from segmentry.settings import Settings

DAY = 86_400.0


class _Changes:
    """The list of changes, as far as the courier asks for it."""

    newest = 1

    def newest_sequence(self) -> int:
        return self.newest


@pytest.fixture
def tries(home: Settings, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that lets the courier look for so long, and gives the times at which it tried."""
    now = [0.0]
    found: list[float] = []
    sync = SimpleNamespace(name="entries", purpose="email_marketing")
    monkeypatch.setattr(triggers, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(Courier, "begin", lambda *_: [sync])
    made = SimpleNamespace(courier=Courier(home, print), kept=_Changes(), is_sent=False)

    def sent(*_: Any) -> bool:
        found.append(now[0])
        return made.is_sent

    def look(seconds: float, every: float = LOOK * 25) -> list[float]:
        found.clear()
        end = now[0] + seconds
        while now[0] < end:
            made.courier.deliver(cast(State, made.kept))
            now[0] += every
        return list(found)

    monkeypatch.setattr(Courier, "_is_sent", sent)
    made.look = look
    return made


def test_tries_without_anything_new_become_rare(tries: Any) -> None:
    times = tries.look(DAY)
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert pauses[:3] == [RETRY, 2 * RETRY, 4 * RETRY]
    assert max(pauses) == pauses[-1] == LONGEST
    assert len(times) < 110


def test_what_is_new_is_tried_at_once_and_begins_again(tries: Any) -> None:
    tries.look(DAY)
    tries.kept.newest += 1
    times = tries.look(4 * RETRY)
    assert [time - times[0] for time in times] == [0.0, RETRY, 3 * RETRY]


def test_what_was_sent_is_not_tried_again(tries: Any) -> None:
    tries.is_sent = True
    assert len(tries.look(DAY)) == 1
