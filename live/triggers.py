"""Sends entries and exits as the live engine finds them: the syncs with ``schedule: live``.

They go through the engine of syncs, with its ledger, consent gate, frequency caps and quiet hours.
The list of changes in ``live.sqlite`` is what is sent, also of changes that a batch found, and no
job sends it: so nothing is sent twice. ADR 57 states the decisions.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta

from live import state
from live.state import State, file_of
from segmentry import sync_files
from segmentry.errors import SegmentryError
from segmentry.settings import Settings
from segmentry.sync_config import SyncConfig

# An entry that could not be sent for so long, on the clock of the evaluations, is no news any more.
NEWS = timedelta(days=3)
# Seconds until what could not be sent is tried again: quiet hours, caps, a tool that is down,
# people who are not known to a batch yet. Each try without anything new waits twice as long, for at
# most the longest.
RETRY = 60.0
LONGEST = 900.0
LOOK = 0.2
FILES = 5.0  # seconds between two looks for new syncs
Report = Callable[[str], None]


class Courier:
    """Sends what is new of a home's live syncs, by a connection of its own to the state."""

    def __init__(self, settings: Settings, report: Report) -> None:
        self._settings = settings
        self._report = report
        self._seen: dict[str, int] = {}
        self._again: dict[str, float] = {}
        self._pauses: dict[str, float] = {}
        self._reported: dict[str, str] = {}

    def begin(self, kept: State) -> list[SyncConfig]:
        """The live syncs. Of one that is seen for the first time, what has happened so far is no
        news.
        """
        fitting, faults = sync_files.load_each(self._settings)
        for name, fault in faults.items():
            self._state_once(name, str(fault))
        found = [sync for sync in fitting.values() if sync.is_live]
        for sync in found:
            if kept.fact(_begun(sync)) is None:
                kept.keep(_begun(sync), kept.newest_sequence())
        return found

    def deliver(self, kept: State) -> None:
        """Send what is new of each live sync; a fault of one stops no other."""
        for sync in self.begin(kept):
            newest = kept.newest_sequence()
            is_new = self._seen.get(sync.name) != newest
            if not is_new and time.monotonic() < self._again.get(sync.name, float("inf")):
                continue
            self._seen[sync.name] = newest
            self._again.pop(sync.name, None)
            if self._is_sent(kept, sync):
                continue
            pause = RETRY if is_new else min(2 * self._pauses.get(sync.name, RETRY), LONGEST)
            self._pauses[sync.name] = pause
            self._again[sync.name] = time.monotonic() + pause

    def _is_sent(self, kept: State, sync: SyncConfig) -> bool:
        """Send it; whether there was nothing to send, so that it need not be tried again."""
        # Imported where there is a live sync: an engine without one does not need them.
        from activation import engine
        from activation.engine import LiveNews
        from activation.ledger import destination_rows
        from activation.ledger.database import Ledger
        from activation.news import NewsRow

        news_rows = [
            NewsRow(one.profile_id, one.segment, one.change, one.at)
            for one in kept.newest_changes(int(kept.fact(_begun(sync)) or 0), _oldest(kept))
            if sync.segments is None or one.segment in sync.segments
        ]
        with closing(Ledger(self._settings)) as ledger:
            known = destination_rows.of(ledger, sync.name).to_pydict()
        sent = {
            key
            for key, value in zip(known["ledger_key"], known["payload_hash"], strict=True)
            if value is not None
        }
        if all(one.row_key in sent for one in news_rows):
            return True
        news = LiveNews(news_rows, lambda: kept.refused(sync.purpose))
        try:
            done = engine.run_sync(self._settings, sync.name, live=news)
        except SegmentryError as error:
            self._state_once(sync.name, str(error))
        except Exception as error:  # an unexpected fault of one sync stops no other, and no engine
            self._state_once(sync.name, f"{sync.name}: an unexpected {type(error).__name__}")
        else:
            self._state_once(sync.name, "; ".join(done.notes))
        return False

    def _state_once(self, name: str, text: str) -> None:
        if self._reported.get(name) != text:
            self._reported[name] = text
            self._report(text)


def deliver_until(settings: Settings, stop: threading.Event, report: Report) -> None:
    """Send what is new until stop is set; for a thread alongside the engine."""
    courier = Courier(settings, report)
    newest = -1
    looked = 0.0
    with closing(State(file_of(settings))) as kept:
        while not stop.wait(LOOK):
            found = kept.newest_sequence()
            if found != newest or time.monotonic() - looked >= FILES:
                newest = found
                looked = time.monotonic()
                courier.deliver(kept)


def _begun(sync: SyncConfig) -> str:
    return f"begun:{sync.name}"


def _oldest(kept: State) -> datetime:
    text = kept.fact(state.CLOCK)
    return datetime.fromisoformat(text) - NEWS if text else datetime.min
