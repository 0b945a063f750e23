"""Runs the live engine as a program that other programs watch: ``python -m live.service``.

In a home without a batch it waits for the first one, because it is started with the installation.
``python -m live.service --check`` is its health check.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from types import FrameType

from live import definition, pulse, running
from live.engine import Turn
from live.publishing import StorePublisher
from live.store import opened
from segmentry.errors import NotReadyError, SegmentryError, UsageError
from segmentry.permissions import keep_private
from segmentry.settings import Settings


def main() -> int:
    """Run until SIGTERM, or with ``--check`` report whether the engine of the home turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    settings = Settings.from_environment()
    if given.check:
        return 0 if pulse.is_alive(settings) else 1
    keep_private()
    try:
        with stopped_by_signals() as stop:
            serve(settings, stop, seconds_between_looks())
    except SegmentryError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def seconds_between_looks() -> float:
    """SEGMENTRY_LIVE_EVERY, by default 1; UsageError where it is no such number."""
    text = os.environ.get("SEGMENTRY_LIVE_EVERY") or "1"
    try:
        every = float(text)
    except ValueError:
        every = 0.0
    if not 0.05 <= every <= 60:
        raise UsageError(
            f"SEGMENTRY_LIVE_EVERY is '{text[:40]}'",
            allowed="seconds between two looks at the inbox, from 0.05 to 60",
            remedy="correct or unset it",
        )
    return every


def serve(settings: Settings, stop: threading.Event, every: float) -> None:
    """Take turns until stop is set; until there is a batch, wait for it."""

    def report(turn: Turn) -> None:
        pulse.beat(settings)

    while not stop.is_set():
        pulse.beat(settings)
        try:
            definition.compiled(settings)  # before a store is made in a home without a batch
            with closing(opened.open_store(settings)) as store:
                running.follow(
                    settings, stop, report, every=every, publisher=StorePublisher(store),
                    reports=_printed,
                )  # fmt: skip
        except NotReadyError:
            stop.wait(every)


def _printed(text: str) -> None:
    print(text, flush=True)


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set: the turn that runs is brought to its end."""
    stop = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
