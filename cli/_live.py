"""What the commands of ``segmentry live`` do and print."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from cli import _output
from cli._output import Output
from live import running
from live.engine import Turn
from live.publishing import Nothing
from segmentry import clock
from segmentry.settings import Settings


def run(once: bool, every: float, as_of: str | None, output: Output) -> None:
    """Take turns, and print those that did something."""
    settings = Settings.from_environment()
    at = clock.parse(as_of) if as_of else None
    publisher = Nothing()
    if once:
        turns = list(running.once(settings, at, publisher))
        _output.show([_row(turn) for turn in turns if _is_any(turn)], output, empty="nothing new")
        return
    with _stopped_by_signals() as stop:
        running.follow(settings, stop, _report, every=every, as_of=at, publisher=publisher)


def status(output: Output) -> None:
    """Print how far the engine is."""
    found = running.status(Settings.from_environment())
    if output is Output.json:
        _output.print_json(found)
        return
    _output.show([{"what": name, "value": str(value)} for name, value in found.items()], output)


def _row(turn: Turn) -> dict[str, int | bool]:
    return {
        "lines": turn.lines,
        "events": turn.events,
        "profiles": turn.evaluated,
        "entered": sum(change.change == "entered" for change in turn.changes),
        "left": sum(change.change == "left" for change in turn.changes),
        "new_batch": turn.is_reloaded,
    }


def _is_any(turn: Turn) -> bool:
    return bool(turn.lines or turn.evaluated or turn.is_reloaded)


def _report(turn: Turn) -> None:
    if _is_any(turn):
        words = ", ".join(f"{value} {name}" for name, value in _row(turn).items())
        print(words, flush=True)


@contextmanager
def _stopped_by_signals() -> Iterator[threading.Event]:
    stop = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
