"""Brings the store to the newest snapshot of the lake: the stage ``serve``, and
`segmentry api feed`.

Only profiles that changed since the store's own snapshot are read and written. A store that is new,
lost, of another format, or behind snapshots that have expired is rebuilt. The snapshot is recorded
last: a feed that was killed starts over, writes the same records, and logs no change twice.
"""

from __future__ import annotations

from contextlib import closing
from itertools import islice

import duckdb

from live.store import reading, rules
from live.store.base import ProfileStore
from live.store.opened import open_store
from live.store.reading import CHUNK, RecordShape
from live.store.records import REFUSED, Version
from segmentry import tombstones, warehouse
from segmentry.errors import ConfigError, SegmentryError
from segmentry.settings import Settings
from segmentry.stages import RunContext, StageReport


def serve(context: RunContext) -> StageReport:
    """The stage of that name. A store that cannot be reached stops no audience and no sync: the job
    ends with exit status 1, and the next feed catches up.
    """
    try:
        with closing(open_store(context.settings)) as store:
            return feed(context.settings, store)
    except ConfigError:
        raise
    except SegmentryError as error:
        return StageReport(notes=[error.received], is_incomplete=True)


def feed(settings: Settings, store: ProfileStore, *, is_rebuilt: bool = False) -> StageReport:
    """Write what changed, remove profiles that the lake has no more, and report how many of each.

    is_rebuilt: write every profile again.
    """
    chosen = rules.load(settings)
    with warehouse.connect(settings, read_only=True) as lake:
        if stage := reading.missing(lake):
            note = f"nothing to serve yet: the stage '{stage}' has not run"
            return StageReport(notes=[note], status="unchanged")
        # Named before it is read: a label that is too old makes the next feed read more, and one
        # that is too new would lose what came in between.
        snapshot = warehouse.current_snapshot(lake)
        lake.execute("begin")
        try:
            shape = reading.shape(settings, lake, chosen)
            return _Feed(settings, lake, store, shape, snapshot).run(is_rebuilt)
        finally:
            lake.execute("commit")


class _Feed:
    """One feed of one store from one snapshot."""

    def __init__(
        self,
        settings: Settings,
        lake: duckdb.DuckDBPyConnection,
        store: ProfileStore,
        shape: RecordShape,
        snapshot: int,
    ) -> None:
        self._graves = tombstones.Tombstones(settings)
        self._lake = lake
        self._store = store
        self._shape = shape
        self._version = Version(snapshot)

    def run(self, is_rebuilt: bool) -> StageReport:
        """Feed, and report."""
        state = self._store.state()
        is_same = state.fingerprint == self._shape.fingerprint
        if state.snapshot is None or not is_same or is_rebuilt:
            return self._rebuild()
        changed = reading.changed_relations(self._lake, state.snapshot)
        people = (
            None
            if changed is None
            else reading.changed_people(self._lake, self._shape, state.snapshot, changed)
        )
        if changed is None or people is None:
            return self._rebuild()
        if not people and not reading.is_consent_changed(changed):
            return self._end(0, 0, "unchanged")
        reading.take_consents(self._lake)
        if reading.is_consent_changed(changed):
            people |= self._reconsented()
        if not people:
            return self._end(0, 0, "unchanged")
        written, known = self._write(sorted(people))
        removed = self._store.delete(sorted(people - known), self._version)
        return self._end(written, removed)

    def _rebuild(self) -> StageReport:
        """Write all. Entries of a store that had nothing are no changes of anybody."""
        is_first = self._store.state().snapshot is None
        if is_first:
            self._store.begin_generation()
        reading.take_consents(self._lake)
        written, known = self._write(None, is_logged=not is_first)
        stale = (one for one in self._store.older_than(self._version) if one not in known)
        removed = 0
        while part := list(islice(stale, CHUNK)):
            removed += self._store.delete(part, self._version)
        return self._end(written, removed)

    def _write(self, people: list[str] | None, *, is_logged: bool = True) -> tuple[int, set[str]]:
        """How many were written, and all that the lake has."""
        written = 0
        known: set[str] = set()
        for part in reading.records(self._lake, self._shape, self._version, people):
            kept = [one for one in part if not self._graves.has("profile_id", one.profile_id)]
            written += self._store.put(kept, is_logged=is_logged)
            known.update(one.profile_id for one in kept)
        return written, known

    def _reconsented(self) -> set[str]:
        """Profiles whose consent is another one than that of their record."""
        now = dict(reading.consents(self._lake))
        found = set()
        for profile_id, consent in self._store.consents():
            if now.get(profile_id, {}) != consent:
                found.add(profile_id)
        return found

    def _end(self, written: int, removed: int, status: str = "done") -> StageReport:
        """Remove the marks that the records have now, then record the snapshot."""
        self._lift()
        self._store.keep_state(self._version.snapshot, self._shape.fingerprint)
        rows = {"profiles written": written, "profiles removed": removed}
        return StageReport(
            rows, [f"the store has {self._store.stats().profiles:,} profiles"], status
        )

    def _lift(self) -> None:
        marks = list(self._store.marked())
        snapshot = self._version.snapshot
        self._store.lift({mark.profile_id for mark in marks if mark.snapshot is not None}, snapshot)
        waiting = [mark for mark in marks if mark.snapshot is None]
        if waiting:
            people = {mark.profile_id for mark in waiting}
            ruled = self._refused(people)
            open_ = {
                mark.profile_id
                for mark in waiting
                if f"{mark.purpose}/{mark.channel}" not in ruled.get(mark.profile_id, ())
            }
            self._store.lift(people - open_, None)

    def _refused(self, people: set[str]) -> dict[str, set[str]]:
        return {
            profile_id: {use for use, status in consent.items() if status == REFUSED}
            for profile_id, consent in self._store.consents()
            if profile_id in people
        }
