"""One job at a time per home: the main job of a terminal, a change of who is who, and a refresh."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from segmentry.errors import SegmentryError
from segmentry.settings import Settings


class JobIsRunning(SegmentryError):
    """Another job has the home."""


@contextmanager
def only_one(settings: Settings) -> Iterator[None]:
    """Keep the home's lock of jobs. Raises JobIsRunning where another process has it."""
    path = settings.home / "run.lock"
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise JobIsRunning(
                f"another job (process {holder}) is running in {os.path.relpath(settings.home)}",
                allowed="one job at a time per home",
                remedy="wait until it has ended, or set SEGMENTRY_HOME to another folder",
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
