"""Tombstones: keyed hashes of the identifiers of forgotten people, so that nobody brings them back.

The key is outside the lake: in the variable SEGMENTRY_TOMBSTONE_KEY, else in the home's private
file ``secrets/tombstones.key``. The hashes are in ``privacy/tombstones``, one a line. A hash is an
HMAC-SHA-256 (RFC 2104) over the type and the normal form of an identifier.
"""

from __future__ import annotations

import fcntl
import hmac
import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from segmentry import identifiers
from segmentry.errors import ConfigError
from segmentry.identifier_words import NAMES, word
from segmentry.permissions import private_folder, write_secret
from segmentry.settings import Settings

Named = tuple[str, str]
VARIABLE = "SEGMENTRY_TOMBSTONE_KEY"
_MIN_KEY = 16  # characters; a shorter key could be found by trial, and with it every address
# How strongly a value names its person: a browser or a device may be used by several.
STRONG = "person"
WEAK = "device"
_OTHER = "other"
WEAK_TYPES = ("cookie", "device_id")
TYPE_OF = {name: kind for kind, names in NAMES.items() for name in (kind, *names)}
_MIN_CHARACTERS = 6
_MIN_DIGITS = 8
_ADDRESS = re.compile(r"[^\s\"'<>,;:()\[\]{}=&?/\\]+@[^\s\"'<>,;:()\[\]{}=&?/\\]+")
_NUMBER = re.compile(r"[+(]?\d[\d ()./-]{5,18}\d")
_CACHED = 200_000  # values that are judged once; a value of a large file is seen many times


class Tombstones:
    """The forgotten identifiers of a home; empty, and without any cost, until a person is
    forgotten.
    """

    def __init__(self, settings: Settings, country: str | None = None) -> None:
        self._hashes = frozenset(_lines(_file(settings)))
        self._key = _key(settings, is_made=False) if self._hashes else b""
        self._country = country
        self._judged = lru_cache(_CACHED)(self._judge)

    @classmethod
    def of(cls, named: Iterable[Named], country: str | None) -> Tombstones:
        """Tombstones of these alone, under a key that nobody keeps: to find their records."""
        found = cls.__new__(cls)
        found._key = secrets.token_bytes(32)
        pairs = {one for kind, value in named for one in _both(kind, value)}
        found._hashes = frozenset(hashed(found._key, one) for one in pairs)
        found._country = country
        found._judged = lru_cache(_CACHED)(found._judge)
        return found

    def __bool__(self) -> bool:
        return bool(self._hashes)

    def has(self, kind: str, value: str) -> bool:
        """Whether the identifier is that of a forgotten person; value: in any spelling."""
        if not self._hashes:
            return False
        normal = identifiers.normal(kind, value, self._country) or value.strip()
        return self._is_known(kind, normal)

    def names_forgotten(self, raw: str) -> bool:
        """Whether a landed record is of a forgotten person: one of its values names one.

        A browser or device that a forgotten person used does not make a record theirs if it names
        another person by an account, an address or a number.
        """
        if not self._hashes:
            return False
        found = {self._judged(kind, text) for kind, text in leaves(raw)}
        return STRONG in found or (WEAK in found and _OTHER not in found)

    def _judge(self, kind: str | None, text: str) -> str:
        """How a value of a record names a forgotten person; kind: what its field is called for."""
        parts = {text, *_ADDRESS.findall(text), *_NUMBER.findall(text)}
        found = {strength for part in parts for strength in self._strengths(part)}
        if kind is not None and self.has(kind, text):
            found.add(WEAK if kind in WEAK_TYPES else STRONG)
        if STRONG in found or WEAK in found:
            return STRONG if STRONG in found else WEAK
        return _OTHER if kind is not None and kind not in WEAK_TYPES else ""

    def _strengths(self, text: str) -> Iterator[str]:
        if "@" in text:
            normal = identifiers.normal("email", text) or text
        elif _NUMBER.fullmatch(text):
            normal = identifiers.normal("phone", text, self._country) or text
        else:
            normal = text.strip()
        if is_distinct(normal):
            yield from (one for one in (STRONG, WEAK) if self._is_known(one, normal))

    def _is_known(self, kind: str, normal: str) -> bool:
        return hashed(self._key, (kind, normal)) in self._hashes


def is_distinct(value: str) -> bool:
    """Whether a text can have the value by accident only. Shorter ones, and numbers of few digits,
    count where their field names their type.
    """
    if value.isdigit():
        return len(value) >= _MIN_DIGITS
    return len(value) >= _MIN_CHARACTERS


def add(settings: Settings, named: Iterable[Named]) -> int:
    """Add tombstones; returns how many lines there are. Adding one again changes nothing."""
    key = _key(settings, is_made=True)
    add_hashes(settings, {hashed(key, one) for kind, value in named for one in _both(kind, value)})
    return len(lines(settings))


def add_hashes(settings: Settings, found: Iterable[str]) -> int:
    """Add tombstones that were made with this home's key, such as those that a backup does not
    have yet; returns how many are new.
    """
    path = _file(settings)
    private_folder(path.parent)
    with (path.parent / "tombstones.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = set(_lines(path))
        after = before | set(found)
        if after != before:
            write_secret(path, "".join(f"{one}\n" for one in sorted(after)))
    return len(after) - len(before)


def make_key(settings: Settings) -> None:
    """Make the key where there is none: a backup has to have it before the first erasure."""
    _key(settings, is_made=True)


def lines(settings: Settings) -> list[str]:
    """The home's tombstones."""
    return _lines(_file(settings))


def is_tombstone(text: str) -> bool:
    """Whether a text may be one: 64 hexadecimal digits."""
    return re.fullmatch("[0-9a-f]{64}", text) is not None


def _both(kind: str, value: str) -> tuple[Named, Named]:
    """An identifier by its type, and by its value alone, for fields whose name states no type."""
    return (kind, value), (WEAK if kind in WEAK_TYPES else STRONG, value)


def pseudonym(settings: Settings, texts: Iterable[str]) -> str:
    """A name of 12 hexadecimal digits for these texts, that only the key gives."""
    key = _key(settings, is_made=True)
    return hashed(key, ("pseudonym", "\n".join(sorted(texts))))[:12]


def hashed(key: bytes, named: Named) -> str:
    """The tombstone of (type, identifier in its normal form), 64 hexadecimal digits."""
    return hmac.digest(key, "\0".join(named).encode(), "sha256").hex()


def leaves(raw: str) -> Iterator[tuple[str | None, str]]:
    """Every text of a record, with the type of identifier that its field is called for."""
    return _leaves(_read(raw))


def _read(raw: str) -> Any:
    """The content of a record; of one that is no JSON, its words."""
    try:
        return json.loads(raw)
    except ValueError:
        return [raw, *re.split(r"[\s\"',;|\t]+", raw)]


def _inner(value: str) -> Any:
    """The content of a column that is JSON itself; None for every other text, `[erased]` too."""
    if value[0] not in "[{":
        return None
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _leaves(value: Any, kind: str | None = None) -> Iterator[tuple[str | None, str]]:
    """Every text and number, with the type that its field is called for."""
    if isinstance(value, dict):
        stated = value.get("identifier_type") or value.get("identifierType")
        for name, part in value.items():
            of_name = TYPE_OF.get(word(name))
            if stated and word(name) == "identifier":
                of_name = TYPE_OF.get(word(str(stated)))
            yield from _leaves(part, of_name)
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(part, kind)
    elif isinstance(value, str) and value:
        inner = _inner(value)
        if inner is not None:
            yield from _leaves(inner)
        else:
            yield kind, value
    elif kind is not None and isinstance(value, int) and not isinstance(value, bool):
        yield kind, str(value)


def _file(settings: Settings) -> Path:
    return settings.home / "privacy" / "tombstones"


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except FileNotFoundError:
        return []


def _key(settings: Settings, *, is_made: bool) -> bytes:
    stated = os.environ.get(VARIABLE)
    path = settings.home / "secrets" / "tombstones.key"
    if stated is None:
        if is_made and not path.exists():
            write_secret(path, secrets.token_hex(32))
        try:
            stated = path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            stated = ""
    if len(stated) < _MIN_KEY:
        raise ConfigError(
            f"the key of the tombstones is missing or has fewer than {_MIN_KEY} characters",
            allowed=f"the key that the tombstones were made with, in {VARIABLE} or in {path}",
            remedy="put the key back; without it, forgotten people cannot be recognized",
        )
    return stated.encode()
