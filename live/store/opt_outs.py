"""A refusal is in the store's answers before any stage has run.

The rule is that of the audiences: ``marts.waiting_reach`` names the profiles that a refusal reaches
which no stage has read yet, and ``marts.profile_standings`` what is refused for them. Who records a
refusal calls ``mark_refusals``; a server that answers from the store follows the lake with
``RefusalWatch``, for refusals that came through another door.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import duckdb

from live.store.base import ProfileStore
from live.store.opened import is_made, open_store
from live.store.records import OptOutMark
from segmentry import freshness, snapshots, warehouse
from segmentry.settings import Settings
from segmentry.waiting import REACH

_DOORS = {
    ("activation", "waiting_refusals"),
    ("activation", "restrictions"),
    ("activation", "suppressions"),
}
_STANDINGS = """
with reached as materialized (
    select distinct profile_id from lake.marts.waiting_reach where profile_id is not null
)

select profile_id, purpose, channel
from lake.marts.profile_standings semi join reached using (profile_id)
where is_refused
order by all
"""


def mark_now(settings: Settings) -> int:
    """Mark the refusals that wait in the store, if the installation has one; returns how many marks
    are new.
    """
    if not is_made(settings):
        return 0
    store = open_store(settings)
    try:
        with warehouse.connect(settings, read_only=True) as lake:
            return mark_refusals(lake, store)
    finally:
        store.close()


def mark_refusals(lake: duckdb.DuckDBPyConnection, store: ProfileStore) -> int:
    """Mark what is refused for the profiles that waiting refusals reach."""
    if not warehouse.relation_exists(lake, REACH):
        return 0
    snapshot = warehouse.current_snapshot(lake)
    rows = lake.execute(_STANDINGS).fetchall()
    marks = [OptOutMark(who, purpose, channel, snapshot) for who, purpose, channel in rows]
    return store.opt_out(marks) if marks else 0


class RefusalWatch:
    """Follows the lake in a thread of its own; the lake is queried only when it has changed."""

    def __init__(self, settings: Settings, store: ProfileStore, pause: float = 0.1) -> None:
        self._settings = settings
        self._store = store
        self._pause = pause
        self._ended = threading.Event()
        self._seen = -1
        self._good_at = time.monotonic()
        self._thread = threading.Thread(target=self._follow, name="refusals", daemon=True)

    def start(self) -> None:
        """Look once, so that the first answer has all refusals; then follow."""
        self._look_once()
        self._thread.start()

    def end(self) -> None:
        """Stop following."""
        self._ended.set()
        self._thread.join(10)

    @property
    def age(self) -> float:
        """Seconds since the lake was read, or found unchanged, without a fault."""
        return time.monotonic() - self._good_at

    def _look_once(self) -> None:
        with warehouse.connect(self._settings, read_only=True) as lake:
            self._look(lake, lambda: warehouse.current_snapshot(lake))

    def _follow(self) -> None:
        while not self._ended.is_set():
            try:
                with warehouse.connect(self._settings, read_only=True) as lake:
                    newest = snapshots.watch(self._settings, lake)
                    while not self._ended.wait(self._pause):
                        self._look(lake, newest)
            except Exception:  # the lake may be away for a while; `age` shows it
                self._ended.wait(1.0)

    def _look(self, lake: duckdb.DuckDBPyConnection, newest: Callable[[], int]) -> None:
        found = newest()
        if found != self._seen:
            changed = None if self._seen < 0 else freshness.changed_since(lake, self._seen)
            if changed is None or not _DOORS.isdisjoint(changed):
                mark_refusals(lake, self._store)
            self._seen = found
        self._good_at = time.monotonic()
