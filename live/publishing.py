"""Writes what the live engine found to the real-time store; repeating it changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from live import state
from live.state import State
from live.store.base import ProfileStore
from live.store.records import OptOutMark, ProfileRecord, Version
from segmentry.sync_config import CHANNELS

# Records that are written in one transaction of the store.
TOGETHER = 1_000
Identifiers = Mapping[str, list[tuple[str, str]]]


class Publisher(Protocol):
    """Who gets changes of memberships and refusals as they are found."""

    def publish(self, kept: State, identifiers: Identifiers) -> None:
        """Bring it up to the newest change of the state. identifiers: of new profiles."""

    def opt_out(self, refusals: Collection[tuple[str, str]]) -> None:
        """Refusals, (profile_id, purpose), that count at once."""


class StorePublisher:
    """Writes to the real-time store. A record has all segments of its profile, so that the store
    finds what changed, and a record that is written twice changes nothing.
    """

    def __init__(self, store: ProfileStore) -> None:
        self._store = store
        self._base: int | None = None

    def publish(self, kept: State, identifiers: Identifiers) -> None:
        """Write the profiles that changed; after a feed of the store also those that live has
        evaluated since that batch, which the feed wrote as the batch has them.
        """
        base = self._store.state().snapshot or 0
        done = int(kept.fact(state.PUBLISHED) or 0)
        newest = kept.newest_sequence()
        affected = {change.profile_id for change in kept.changes(done, most=newest - done + 1)}
        if self._base is not None and base != self._base:
            affected |= kept.evaluated().keys()
        self._base = base
        self._write(kept, affected, Version(base, newest), identifiers)
        if newest != done:
            kept.keep(state.PUBLISHED, newest)

    def opt_out(self, refusals: Collection[tuple[str, str]]) -> None:
        """Mark the refusals, by every channel of their purposes."""
        self._store.opt_out(
            [OptOutMark(one, purpose, channel) for one, purpose in refusals for channel in CHANNELS]
        )

    def _write(
        self, kept: State, profiles: Iterable[str], version: Version, identifiers: Identifiers
    ) -> None:
        ordered = sorted(profiles)
        for first in range(0, len(ordered), TOGETHER):
            some = ordered[first : first + TOGETHER]
            segments = kept.memberships_of(some)
            self._store.put(
                [
                    ProfileRecord(
                        one, version, segments=segments[one], identifiers=identifiers.get(one)
                    )
                    for one in some
                ]
            )
