"""Keeps a home's files where they are while a backup reads them: an erasure, a clean-up and a
backup exclude each other. Jobs only add files, so they go on meanwhile.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from segmentry.errors import SegmentryError
from segmentry.settings import Settings


class FilesAreInUse(SegmentryError):
    """Another process relies on the home's files, or removes some."""


@contextmanager
def files_kept(settings: Settings, name: str) -> Iterator[None]:
    """Be the only one of them; name: who does it, such as `a backup`. Raises FilesAreInUse."""
    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / "files.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise FilesAreInUse(
                f"{file.read().strip() or 'another process'} is at work on the files of the home",
                allowed="a backup, an erasure, a maintenance or a restore at a time",
                remedy="wait until it has ended, then run the same command again",
            ) from None
        file.truncate(0)
        file.write(name)
        file.flush()
        yield
