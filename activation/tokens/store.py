"""Where tokens are kept: a file for each account in the home's secrets, for every process.

One process at a time refreshes; the others wait and read what it has written. A refresh token that
the tool replaces is written before the access token is used.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Protocol

from segmentry.permissions import private_folder, write_secret

# A token is replaced so many seconds before its end, or a tenth of its life if that is less.
MARGIN = 120.0


@dataclass(frozen=True)
class KeptToken:
    """What is known of an account's token.

    access_token: '' before the first. fetched_at, expires_at: seconds since 1970 by this machine's
    clock. refresh_token: the one that the tool has put in place of the configured one; '' if it has
    not. asked_at: when a request began whose answer is not written yet; 0 without one.
    """

    access_token: str = field(default="", repr=False)
    fetched_at: float = 0.0
    expires_at: float = 0.0
    refresh_token: str = field(default="", repr=False)
    asked_at: float = 0.0

    def is_fresh(self, now: float) -> bool:
        """Whether it can be used, and need not be replaced yet. One from the future was fetched
        before the machine's clock was set back: nothing is known of its age.
        """
        margin = min(MARGIN, (self.expires_at - self.fetched_at) / 10)
        return self.is_alive(now) and now < self.expires_at - margin

    def is_alive(self, now: float) -> bool:
        """Whether it has not expired."""
        return bool(self.access_token) and self.fetched_at <= now + 1 < self.expires_at

    def asking(self, now: float) -> KeptToken:
        """The same, with a request under way."""
        return replace(self, asked_at=now)


class TokenStore(Protocol):
    """What the source of tokens reads and writes."""

    def locked(self) -> AbstractContextManager[None]:
        """A context in which no other process reads or writes."""

    def read(self) -> KeptToken:
        """What is kept."""

    def write(self, token: KeptToken) -> None:
        """Keep it; it is on the disk when this returns."""


class TokenFile:
    """A file that its owner alone may read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """No other process reads or writes meanwhile; it waits."""
        private_folder(self._path.parent.parent)
        private_folder(self._path.parent)
        lock = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def read(self) -> KeptToken:
        """What is kept. A file that is not whole is none: the next token is fetched by what the
        connection names.
        """
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
            return KeptToken(**content)
        except (FileNotFoundError, ValueError, TypeError):
            return KeptToken()

    def write(self, token: KeptToken) -> None:
        """Keep it; it is on the disk when this returns."""
        write_secret(self._path, json.dumps(asdict(token)), is_durable=True)


class TokenMemory:
    """For one process alone, where there is no home."""

    def __init__(self) -> None:
        self._token = KeptToken()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """No other process knows of it."""
        yield

    def read(self) -> KeptToken:
        """What is kept."""
        return self._token

    def write(self, token: KeptToken) -> None:
        """Keep it."""
        self._token = token
