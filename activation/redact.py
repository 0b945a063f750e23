"""Keeps people and secrets out of messages: a vendor's message may quote the row it refuses."""

from __future__ import annotations

import re

_EMAIL = re.compile(r"[^\s'\"<>(),;:=/?&]+(?:@|%40)[^\s'\"<>(),;:/?&]+")
_DIGITS = re.compile(r"\+?\d[\d\s().-]{5,}\d")
# An address with what it carries; a part of one, from its question mark on; a secret by its name.
_PLACE = re.compile(
    r"\w+://\S+|\S*\?\S*=\S*|\b\w*(?:token|secret|passw|signature|api_?key)\w*[=:]\S+",
    re.IGNORECASE,
)
_LONG = re.compile(r"[A-Za-z0-9_+/=-]{24,}")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`")


def clean(text: object, limit: int = 160) -> str:
    """The text on one line, without quoted values, addresses, secrets, long numbers and tokens."""
    shown = " ".join(str(text).split())[:1000]
    for pattern in (_EMAIL, _QUOTED, _PLACE, _DIGITS, _LONG):
        shown = pattern.sub("…", shown)
    return shown[:limit]
