"""Opens the real-time store of an installation: SEGMENTRY_STORE_URL, or the home's own file."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from live.store.base import ProfileStore
from live.store.embedded import EmbeddedStore
from live.store.keys import IdentifierHashes
from segmentry.errors import ConfigError, SegmentryError
from segmentry.settings import Settings

VARIABLE = "SEGMENTRY_STORE_URL"


def open_store(settings: Settings) -> ProfileStore:
    """The store; close it when done. ConfigError for an address that no store has."""
    address = os.environ.get(VARIABLE, "")
    hashes = IdentifierHashes(settings)
    if address:
        raise ConfigError(
            f"{VARIABLE} has the scheme '{address.partition('://')[0][:20]}'",
            allowed="no value: the store is in the home",
            remedy="unset the variable",
        )
    path = _file(settings)
    try:
        return EmbeddedStore(path, hashes)
    except sqlite3.DatabaseError as error:
        raise SegmentryError(
            f"the real-time store {path} cannot be opened: {error}",
            allowed="a file that this user may read and write, and that is whole",
            remedy="remove the file; `segmentry api feed` then rebuilds it from the lake",
        ) from None


def is_made(settings: Settings) -> bool:
    """Whether the installation has a store: on a server, or in the home since its first feed."""
    return bool(os.environ.get(VARIABLE)) or _file(settings).exists()


def _file(settings: Settings) -> Path:
    return settings.home / "store" / "profiles.sqlite"
