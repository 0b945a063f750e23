"""The keys of a Custom Audience at Meta: the form of each, and which of them alone name a person.
The destination ``meta`` makes its cells by it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from activation.hashing import (
    meta_birth,
    meta_country,
    meta_device,
    meta_email,
    meta_gender,
    meta_name,
    meta_phone,
    meta_place,
    meta_zip,
    sha256,
)

NORMALIZED: dict[str, Callable[[str], str]] = {
    "email": meta_email,
    "phone": meta_phone,
    "fn": meta_name,
    "ln": meta_name,
    "fi": lambda value: meta_name(value)[:1],
    "ct": meta_place,
    "st": meta_place,
    "zip": meta_zip,
    "country": meta_country,
    "gen": meta_gender,
    **{part: partial(meta_birth, part) for part in ("doby", "dobm", "dobd")},
}
PLAIN: dict[str, Callable[[str], str]] = {"extern_id": str, "madid": meta_device}
NAMING = ("email", "phone", "extern_id", "madid")  # each alone names a person


def cell(name: str, value: Any) -> str:
    """The value as Meta gets it under the key; '' where it has no such form."""
    if value is None:
        return ""
    return PLAIN[name](str(value)) if name in PLAIN else sha256(NORMALIZED[name](str(value)))
