"""Follows the files that the collector writes: the open one, and those that it has moved into the
inbox of the source events.

A file is known by its first line, so the open file is still the same after it was moved. Reading a
line twice is harmless: an event is known by its id.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from segmentry.settings import Settings

MOVED = "collected-*.ndjson"
# Bytes before a place that show whether lines before it were removed: an erasure rewrites files.
MARKED = 512
MOST_BYTES = 4 << 20  # of one micro-batch: some 5,000 events

FileState = tuple[int, int, int]  # inode, bytes, time of the last change


@dataclass(frozen=True)
class FilePosition:
    """How far a file is read. path: where the file is now; what is loaded is recorded by it. mark:
    a hash of what is right before the offset.
    """

    path: str
    offset: int
    mark: str = ""


@dataclass
class Arrivals:
    """Whole lines, each with the key of its file; and the places behind them, by key.

    bytes_behind: what was left for the next look.
    """

    lines: list[tuple[str, str]] = field(default_factory=list)
    places: dict[str, FilePosition] = field(default_factory=dict)
    bytes_behind: int = 0


def folder(settings: Settings) -> Path:
    """The inbox, where the collector and the loads expect it."""
    return Path(os.environ.get("SEGMENTRY_INBOX") or settings.home / "inbox")


class Follower:
    """Reads new lines of one inbox; remembers in memory which files are read to their end."""

    def __init__(self, inbox: Path) -> None:
        self._inbox = inbox
        self._read: dict[str, FileState] = {}

    def arrivals(self, places: Mapping[str, FilePosition], most: int = MOST_BYTES) -> Arrivals:
        """What was written behind these places, oldest file first, at most that many bytes."""
        found = Arrivals()
        left = most
        for path in self._files():
            if path.parent.name == "events" and self._read.get(path.name) == _state(path):
                continue  # a moved file changes by an erasure alone
            left -= self._read_file(path, places, found, left)
        return found

    def _files(self) -> Iterator[Path]:
        # The open file last: while it is moved it may be seen twice, and is not missed.
        yield from sorted((self._inbox / "events").glob(MOVED))
        yield self._inbox / ".collector" / "open.ndjson"

    def _read_file(
        self, path: Path, places: Mapping[str, FilePosition], found: Arrivals, left: int
    ) -> int:
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return 0
        with file:
            key = _key(file.readline())
            if key is None:
                return 0
            place = found.places.get(key) or places.get(key) or FilePosition("", 0)
            stated = os.fstat(file.fileno())
            size = stated.st_size
            # A failed write is cut off again, and an erasure removes lines: then what stood before
            # the place is elsewhere, and the file is read from its beginning.
            is_same = place.offset <= size and place.mark in ("", _mark(file, place.offset))
            offset = place.offset if is_same else 0
            file.seek(offset)
            data = file.read(max(0, left))
            whole = data[: data.rfind(b"\n") + 1]
            offset += len(whole)
            mark = _mark(file, offset)
        found.lines += [(key, line.decode("utf-8", "replace")) for line in whole.split(b"\n")[:-1]]
        if place != FilePosition(str(path), offset, mark):
            found.places[key] = FilePosition(str(path), offset, mark)
        found.bytes_behind += size - offset
        if offset == size:
            self._read[path.name] = (stated.st_ino, size, stated.st_mtime_ns)
        return len(whole)


def key_of(path: Path) -> str | None:
    """What a file is known by; None without a whole line."""
    try:
        with path.open("rb") as file:
            return _key(file.readline())
    except FileNotFoundError:
        return None


def _key(first: bytes) -> str | None:
    return hashlib.blake2b(first, digest_size=16).hexdigest() if first.endswith(b"\n") else None


def _mark(file: BinaryIO, offset: int) -> str:
    begin = max(0, offset - MARKED)
    file.seek(begin)
    return hashlib.blake2b(file.read(offset - begin), digest_size=16).hexdigest()


def _state(path: Path) -> FileState | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
