"""Erases people from what the live engine keeps: a step of ``privacy.erasure``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing

from live.state import State, file_of
from segmentry.settings import Settings


def forget(settings: Settings, profiles: Sequence[str], count_values: Callable[[str], int]) -> int:
    """Delete the profiles and the waiting events that name the people; returns the rows deleted, 0
    where no engine has run. count_values: how often a text names one of the people.

    Free pages of the file keep the rows until the step of databases rewrites it.
    """
    path = file_of(settings)
    if not path.exists():
        return 0
    with closing(State(path)) as state, state.transaction():
        named = [one.event_id for one in state.waiting() if count_values(one.line)]
        return state.forget(profiles, named)
