"""How the objects of a place are named and encrypted.

An object is at most CHUNK bytes of one file. Its name is a digest of its content, so equal content
is stored once: SHA-256, or with a key HMAC-SHA-256, which nobody can compare with known files. With
a key each object is sealed by AES-256-GCM (NIST SP 800-38D) under a nonce of its own, with its name
as associated data; the two keys come from the operator's by scrypt (RFC 7914) and the place's salt.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from runtime.backup.stores import BackupStore
from segmentry.errors import ConfigError, SegmentryError, UsageError

# Objects are sealed and read whole. Pages of a database that did not change are mostly in chunks
# that did not change.
CHUNK = 4 * 1024 * 1024  # bytes
HEADER = "segmentry-backup.json"
FORMAT = 1
KEY_VARIABLE = "SEGMENTRY_BACKUP_KEY"
KEY_FILE_VARIABLE = "SEGMENTRY_BACKUP_KEY_FILE"
_MIN_KEY = 16  # characters; a shorter one could be found by trial
_NONCE = 12  # bytes, as the standard recommends; of random ones, 2**32 objects are safe
_SCRYPT = {"n": 2**15, "r": 8, "p": 1, "maxmem": 64 * 1024 * 1024}
_ALLOWED_KEY = f"{KEY_VARIABLE}, or {KEY_FILE_VARIABLE} or --key-file with a file of one line"


@dataclass(frozen=True)
class Sealer:
    """Names and seals objects; without keys they are stored as they are."""

    name_key: bytes = field(default=b"", repr=False)
    seal_key: bytes = field(default=b"", repr=False)

    @property
    def is_encrypting(self) -> bool:
        """Whether objects are encrypted."""
        return bool(self.seal_key)

    def name(self, content: bytes) -> str:
        """The digest of the content: 64 hexadecimal digits."""
        if self.name_key:
            return hmac.digest(self.name_key, content, "sha256").hex()
        return hashlib.sha256(content).hexdigest()

    def seal(self, name: str, content: bytes) -> bytes:
        """What is stored under the name."""
        if not self.seal_key:
            return content
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(_NONCE)
        return nonce + AESGCM(self.seal_key).encrypt(nonce, content, name.encode())

    def opened(self, name: str, stored: bytes) -> bytes | None:
        """The content of what is stored under the name, or None if it is not what was stored."""
        if not self.seal_key:
            return stored
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            return AESGCM(self.seal_key).decrypt(stored[:_NONCE], stored[_NONCE:], name.encode())
        except (InvalidTag, ValueError):
            return None


def key_of(file: Path | None) -> str | None:
    """The operator's key: of the file, else of the environment; None without one."""
    named = file or (Path(os.environ[KEY_FILE_VARIABLE]) if _is_set(KEY_FILE_VARIABLE) else None)
    if named is None:
        text = os.environ.get(KEY_VARIABLE) or None
    else:
        try:
            text = named.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise ConfigError(
                f"the key file {named} cannot be read",
                allowed=_ALLOWED_KEY,
                remedy="correct the path or its permissions",
            ) from None
    if text is not None and len(text) < _MIN_KEY:
        raise ConfigError(
            f"the key of the backups has fewer than {_MIN_KEY} characters",
            allowed=f"{_MIN_KEY} characters or more, such as 64 random hexadecimal digits",
            remedy="use a longer key, and keep a copy of it where the backups are not",
        )
    return text


def _is_set(variable: str) -> bool:
    return bool(os.environ.get(variable))


def create(store: BackupStore, key: str | None) -> Sealer:
    """The sealer of the place; a new place becomes encrypted if there is a key."""
    try:
        return existing(store, key)
    except FileNotFoundError:
        salt = secrets.token_hex(16) if key is not None else ""
        sealer = _of(key, salt)
        content = {
            "format": FORMAT,
            "cipher": "aes-256-gcm" if sealer.is_encrypting else "none",
            "salt": salt,
            "check": sealer.name(HEADER.encode()),
        }
        store.write(HEADER, json.dumps(content, indent=2).encode())
        return sealer


def existing(store: BackupStore, key: str | None) -> Sealer:
    """The sealer of a place that has backups; FileNotFoundError if it has none, ConfigError for a
    key that does not fit.
    """
    content = _header(store.read(HEADER))
    is_encrypted = content["cipher"] != "none"
    if not is_encrypted and key is not None:
        raise UsageError(
            "a key is set, and the backups at this place are not encrypted",
            allowed="one place for encrypted backups, another for those that are not",
            remedy=f"unset {KEY_VARIABLE} and {KEY_FILE_VARIABLE}, or name a new place",
        )
    if is_encrypted and key is None:
        raise ConfigError(
            "the backups at this place are encrypted, and no key is set",
            allowed=_ALLOWED_KEY,
            remedy="set the key that they were made with",
        )
    sealer = _of(key, content["salt"])
    if not hmac.compare_digest(sealer.name(HEADER.encode()), content["check"]):
        raise ConfigError(
            "the key is not that of the backups at this place",
            allowed="the key that the first backup there was made with",
            remedy="set that key; without it nothing can be read",
        )
    return sealer


def _header(stored: bytes) -> dict[str, str]:
    try:
        content = json.loads(stored)
        if content["format"] == FORMAT and {"cipher", "salt", "check"} <= set(content):
            found: dict[str, str] = content
            return found
    except (ValueError, KeyError, TypeError):
        pass
    raise SegmentryError(
        f"{HEADER} at this place is not of the format {FORMAT}",
        allowed="a place that `segmentry backup create` of this version, or an earlier one, made",
        remedy="name another place, or use the version that made it",
    )


def _of(key: str | None, salt: str) -> Sealer:
    if key is None:
        return Sealer()
    made = hashlib.scrypt(key.encode(), salt=bytes.fromhex(salt), dklen=64, **_SCRYPT)
    return Sealer(made[:32], made[32:])
