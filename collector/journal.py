"""One open file on disk, written in groups: a group is acknowledged after its fsync."""

from __future__ import annotations

import contextlib
import fcntl
import os
import queue
import threading
import time
from concurrent.futures import Future
from pathlib import Path

from segmentry.errors import UsageError


class Journal:
    """Appends lines to ``<inbox>/.collector/open.ndjson``; a full or old file is renamed into
    ``<inbox>/events``, so that a load never reads a line that is not finished. Another program that
    writes events has its own folder and its own names of files: writer and prefix.

    A kill leaves at most the open file: the next start cuts a torn last line, which nobody was
    promised, and moves the rest.
    """

    def __init__(
        self,
        inbox: Path,
        file_bytes: int,
        file_seconds: float,
        writer: str = "collector",
        prefix: str = "collected",
    ) -> None:
        self._prefix = prefix
        self._spool = inbox / f".{writer}"
        self._events = inbox / "events"
        for folder in (self._spool, self._events):
            folder.mkdir(parents=True, exist_ok=True)
        self._open_path = self._spool / "open.ndjson"
        self._file_bytes = file_bytes
        self._file_seconds = file_seconds
        self._lock = os.open(self._spool / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise UsageError(
                f"another {writer} writes to {inbox}",
                allowed=f"one {writer} for each inbox",
                remedy="stop the other one, or set SEGMENTRY_INBOX",
            ) from None
        self._file = -1
        self._size = 0
        self._opened = 0.0
        self._recover()
        self._waiting: queue.Queue[tuple[bytes, Future[None]] | None] = queue.Queue(20_000)
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def append(self, lines: bytes) -> Future[None]:
        """Write whole lines; the future ends after their fsync, or with OSError: then none of them
        is in the file. Raises OSError at once when too many requests wait.
        """
        done: Future[None] = Future()
        done.set_running_or_notify_cancel()  # a client that leaves cannot cancel its group
        try:
            self._waiting.put_nowait((lines, done))
        except queue.Full:
            raise OSError("too many requests wait for the disk") from None
        return done

    def close(self) -> None:
        """Write what waits, move the file to the inbox and stop."""
        self._waiting.put(None)
        self._thread.join()
        os.close(self._lock)

    def _recover(self) -> None:
        if not self._open_path.exists():
            return
        with self._open_path.open("rb+") as file:
            whole = file.read().rfind(b"\n") + 1
            file.truncate(whole)
            os.fsync(file.fileno())
        self._size = whole
        self._move()

    def _run(self) -> None:
        is_open = True
        while is_open:
            group: list[tuple[bytes, Future[None]]] = []
            try:
                item = self._waiting.get(timeout=min(1.0, self._file_seconds))
                while item is not None:
                    group.append(item)
                    item = self._waiting.get_nowait()
                is_open = False
            except queue.Empty:
                pass
            if group:
                self._commit(group)
            if not is_open or self._is_due():
                self._move_or_later()

    def _commit(self, group: list[tuple[bytes, Future[None]]]) -> None:
        try:
            self._write(b"".join(lines for lines, _ in group))
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._size)
            for _, done in group:
                done.set_exception(error)
            return
        for _, done in group:
            done.set_result(None)

    def _write(self, data: bytes) -> None:
        if self._file < 0:
            flags = os.O_WRONLY | os.O_CREAT
            self._file = os.open(self._open_path, flags, 0o600)
            self._size = 0
            self._opened = time.monotonic()
            _sync_folder(self._spool)
        # What an earlier failure left behind the last acknowledged byte is overwritten or cut.
        os.ftruncate(self._file, self._size)
        os.lseek(self._file, self._size, os.SEEK_SET)
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]
        os.fsync(self._file)
        self._size += len(data)

    def _is_due(self) -> bool:
        age = time.monotonic() - self._opened
        return self._size >= self._file_bytes or (
            self._size > 0 and self._file >= 0 and age >= self._file_seconds
        )

    def _move_or_later(self) -> None:
        try:
            self._move()
        except OSError:
            return  # the file stays as it is, and is moved at the next turn or the next start

    def _move(self) -> None:
        if self._file >= 0:
            os.ftruncate(self._file, self._size)
            os.fsync(self._file)
        if self._size:
            target = self._events / f"{self._prefix}-{time.time_ns()}.ndjson"
            self._open_path.rename(target)
            _sync_folder(self._events)
        if self._file >= 0:
            os.close(self._file)
        self._file = -1
        self._size = 0


def _sync_folder(folder: Path) -> None:
    found = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(found)
    finally:
        os.close(found)
