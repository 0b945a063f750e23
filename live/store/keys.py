"""Identifiers are in the store as keyed hashes: who copies it learns no address or number.

The key is outside the store and the lake: in the variable SEGMENTRY_STORE_KEY, else in the home's
private file ``secrets/store.key``. A hash is the first 16 bytes of an HMAC-SHA-256 (RFC 2104) over
the type and the normal form of an identifier.
"""

from __future__ import annotations

import hmac
import os
import secrets

from segmentry import configuration, identifiers
from segmentry.errors import ConfigError
from segmentry.permissions import write_secret
from segmentry.settings import Settings

VARIABLE = "SEGMENTRY_STORE_KEY"
PROFILE = "profile_id"
_MIN_KEY = 16  # characters; a shorter key could be found by trial, and with it every address
_BYTES = 16


class IdentifierHashes:
    """Hashes identifiers of one home; makes the key if there is none."""

    def __init__(self, settings: Settings) -> None:
        self._key = _key(settings)
        self._country = configuration.shop_country(settings)

    def of(self, kind: str, value: str) -> bytes:
        """The hash of an identifier in any spelling."""
        normal = identifiers.normal(kind, value, self._country) or value.strip()
        return self.of_normal(kind, normal)

    def of_normal(self, kind: str, value: str) -> bytes:
        """The hash of an identifier in its normal form."""
        return hmac.digest(self._key, f"{kind}\0{value}".encode(), "sha256")[:_BYTES]


def _key(settings: Settings) -> bytes:
    stated = os.environ.get(VARIABLE)
    path = settings.secrets / "store.key"
    if stated is None:
        try:
            stated = path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            stated = _made(settings)
    if len(stated) < _MIN_KEY:
        raise ConfigError(
            f"the key of the real-time store has fewer than {_MIN_KEY} characters",
            allowed=f"{_MIN_KEY} characters or more in {VARIABLE} or in {path}",
            remedy="state a longer key; `segmentry api feed --rebuild` then writes the store again",
        )
    return stated.encode()


def _made(settings: Settings) -> str:
    """A new key; of processes that make one at once, all use the one that was written first."""
    path = settings.secrets / "store.key"
    candidate = path.with_name(f".store.key.{os.getpid()}.{secrets.token_hex(4)}")
    write_secret(candidate, secrets.token_hex(32))
    try:
        os.link(candidate, path)
    except FileExistsError:
        pass
    finally:
        candidate.unlink()
    return path.read_text(encoding="ascii").strip()
