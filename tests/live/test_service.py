"""The engine as a program: it waits for a batch, shows that it lives, and ends at a signal."""

from __future__ import annotations

import os
import threading
import time

import pytest

from live import pulse, service, state
from segmentry.errors import UsageError
from segmentry.settings import Settings


def test_without_a_batch_it_lives_and_waits_and_makes_no_state(home: Settings) -> None:
    assert not pulse.is_alive(home)
    stop = threading.Event()
    thread = threading.Thread(target=service.serve, args=(home, stop, 0.05))
    thread.start()
    try:
        deadline = time.monotonic() + 10
        while not pulse.is_alive(home) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert pulse.is_alive(home)
        assert thread.is_alive()
    finally:
        stop.set()
        thread.join(10)
    assert not thread.is_alive()
    assert not state.file_of(home).exists()


@pytest.mark.parametrize(("age", "alive"), [(5, True), (90, True), (600, False)])
def test_an_engine_that_is_silent_for_long_is_not_alive(
    home: Settings, age: int, alive: bool
) -> None:
    pulse.beat(home)
    at = time.time() - age
    os.utime(home.home / "live.pulse", (at, at))
    assert pulse.is_alive(home) is alive


def test_the_pulse_of_an_earlier_engine_is_forgotten(home: Settings) -> None:
    pulse.beat(home)
    pulse.forget(home)
    assert not pulse.is_alive(home)


@pytest.mark.parametrize("text", ["0", "-1", "61", "often", "nan"])
def test_wrong_seconds_are_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("SEGMENTRY_LIVE_EVERY", text)
    with pytest.raises(UsageError, match=r"from 0\.05 to 60"):
        service.seconds_between_looks()


def test_seconds_between_two_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEGMENTRY_LIVE_EVERY", raising=False)
    assert service.seconds_between_looks() == 1.0
    monkeypatch.setenv("SEGMENTRY_LIVE_EVERY", "2.5")
    assert service.seconds_between_looks() == 2.5
