"""Runs the live engine of a home until it is stopped, and reports how far it is."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any

from live import engine, inbox, placing, state, triggers
from live.engine import Turn
from live.publishing import Publisher
from segmentry.errors import UsageError
from segmentry.settings import Settings


@contextmanager
def only_engine(settings: Settings) -> Iterator[None]:
    """Be the home's only engine; UsageError where another process is."""
    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / "live.lock").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"another live engine runs in {os.path.relpath(settings.home)}",
                allowed="one engine per home",
                remedy="stop the other one, or set SEGMENTRY_HOME to another folder",
            ) from None
        yield


def follow(
    settings: Settings,
    stop: threading.Event,
    report: Callable[[Turn], None],
    *,
    every: float = 1.0,
    as_of: datetime | None = None,
    publisher: Publisher | None = None,
    reports: triggers.Report | None = None,
) -> None:
    """Take turns until stop is set. every: seconds between two looks when there is nothing to do;
    while there is, turns follow each other at once. reports: gets what the live syncs report; None
    sends none.
    """
    with (
        only_engine(settings),
        engine.started(settings, publisher) as one,
        _sending(settings, one, reports),
    ):
        while not stop.is_set():
            turn = one.turn(as_of=as_of)
            report(turn)
            if not (turn.bytes_behind or turn.is_more):
                stop.wait(every)


@contextmanager
def _sending(
    settings: Settings, one: engine.Engine, reports: triggers.Report | None
) -> Iterator[None]:
    """Send alongside the turns, so that a slow tool delays none."""
    if reports is None:
        yield
        return
    triggers.Courier(settings, reports).begin(one.state)
    ended = threading.Event()
    words = (settings, ended, reports)
    sender = threading.Thread(target=triggers.deliver_until, args=words, name="triggers")
    sender.start()
    try:
        yield
    finally:
        ended.set()
        sender.join()


def once(
    settings: Settings,
    as_of: datetime | None = None,
    publisher: Publisher | None = None,
    reports: triggers.Report | None = None,
) -> Iterator[Turn]:
    """Turns until the inbox is read and nothing is due; then the live syncs send what is new."""
    with only_engine(settings), engine.started(settings, publisher) as one:
        courier = triggers.Courier(settings, reports) if reports is not None else None
        if courier is not None:
            courier.begin(one.state)
        is_more = True
        while is_more:
            turn = one.turn(as_of=as_of)
            yield turn
            is_more = bool(turn.bytes_behind or turn.is_more)
        if courier is not None:
            courier.deliver(one.state)


def status(settings: Settings) -> dict[str, Any]:
    """How far the engine of a home is; NotReadyError where none has run."""
    path = state.file_of(settings)
    if not path.exists():
        raise state.no_engine()
    with closing(state.State(path)) as kept:
        counts = kept.counts()
        provisional = [kind for kind, *_ in kept.provisional()]
        behind = inbox.Follower(inbox.folder(settings)).arrivals(kept.places(), most=0)
        newest = kept.newest_sequence()
        return {
            "is_running": is_running(settings),
            "looked_at": kept.fact(state.READ_AT),
            "as_of": kept.fact(state.CLOCK),
            "batch_snapshot": int(kept.fact(state.SNAPSHOT) or 0),
            "bytes_in_inbox": behind.bytes_behind,
            "events_waiting_for_batch": counts["waiting_events"],
            "profiles_ahead_of_batch": counts["evaluated"],
            "provisional_profiles": provisional.count(placing.NEW),
            "provisional_links": provisional.count(placing.LINK),
            "memberships": counts["memberships"],
            "changes": newest,
            "changes_not_published": newest - int(kept.fact(state.PUBLISHED) or 0),
        }


def is_running(settings: Settings) -> bool:
    """Whether an engine of this home runs."""
    try:
        with only_engine(settings):
            return False
    except UsageError:
        return True
