"""Writes what the live engine found to the real-time store; repeating it changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from live import state
from live.state import State


class Publisher(Protocol):
    """Who gets changes of memberships and refusals as they are found."""

    def publish(self, kept: State, identifiers: Mapping[str, list[tuple[str, str]]]) -> None:
        """Bring it up to the newest change of the state. identifiers: of new profiles."""

    def opt_out(self, refusals: Collection[tuple[str, str]]) -> None:
        """Refusals, (profile_id, purpose), that count at once."""


class Nothing:
    """A publisher for a home without a real-time store: the changes are in ``live.sqlite``."""

    def publish(self, kept: State, identifiers: Mapping[str, list[tuple[str, str]]]) -> None:
        """Record that nobody waits for the changes."""
        kept.keep(state.PUBLISHED, kept.newest_sequence())

    def opt_out(self, refusals: Collection[tuple[str, str]]) -> None:
        """Nothing to write: the refusals are in the events that wait."""
