"""Erases people from the real-time store: a step of ``privacy.erasure``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing

from live.store.opened import is_made, open_store
from live.store.records import Identifier
from segmentry.settings import Settings


def forget(settings: Settings, profiles: Sequence[str], identifiers: Iterable[Identifier]) -> int:
    """Erase the profiles, their identifiers and their changes; returns the rows removed, 0 for an
    installation without a store.
    """
    if not is_made(settings):
        return 0
    with closing(open_store(settings)) as store:
        return store.forget(profiles, identifiers)
