"""One job at a time per home: the main job of a terminal, a change of who is who, and a refresh."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from segmentry.errors import SegmentryError
from segmentry.settings import Settings

REFRESH = "refresh"


class JobIsRunning(SegmentryError):
    """Another job has the home."""


@contextmanager
def only_one(
    settings: Settings, name: str = "job", on_wait: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Keep the home's lock of jobs.

    Raises JobIsRunning where another process has it. A refresh starts by itself and takes minutes,
    so a job with on_wait waits for its end; on_wait is called with what to print.
    """
    path = settings.home / "run.lock"
    with path.open("a+") as file:
        if not _is_taken(file):
            file.seek(0)
            number, _, holder = file.read().strip().partition(" ")
            if holder != REFRESH or on_wait is None:
                raise _running(settings, number, holder)
            on_wait(f"waiting for a refresh (process {number}) to end")
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(f"{os.getpid()} {name}")
        file.flush()
        yield


def _is_taken(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _running(settings: Settings, number: str, holder: str) -> JobIsRunning:
    what = "a refresh" if holder == REFRESH else "another job"
    return JobIsRunning(
        f"{what} (process {number or 'unknown'}) is running in {os.path.relpath(settings.home)}",
        allowed="one job at a time per home",
        remedy="wait until it has ended, or set SEGMENTRY_HOME to another folder",
    )
