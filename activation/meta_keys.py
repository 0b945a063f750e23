"""The keys of a Custom Audience at Meta: the form of each, and which of them alone name a person.
The destination ``meta`` makes its cells by it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from activation.destination import DestinationSession
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
from activation.model import Row
from segmentry.errors import ConfigError
from segmentry.sync_config import SyncConfig

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
LIMITED = "limited_data_use"  # a column of our own, and an option
NAMING = ("email", "phone", "extern_id", "madid")  # each alone names a person


def cell(name: str, value: Any) -> str:
    """The value as Meta gets it under the key; '' where it has no such form."""
    if value is None:
        return ""
    return PLAIN[name](str(value)) if name in PLAIN else sha256(NORMALIZED[name](str(value)))


def marks_of_limited_use(
    session: DestinationSession, rows: Sequence[Row]
) -> list[list[str]] | None:
    """Meta's mark of limited data use for each person; None where it is not stated at all."""
    if session.option(LIMITED):
        return [["LDU"] for _ in rows]
    if LIMITED not in {column.name for column in session.sync.columns}:
        return None
    return [[] if row.values.get(LIMITED) is False else ["LDU"] for row in rows]


def check_limited_use(sync: SyncConfig) -> None:
    """Raise ConfigError where limited data use is stated neither for all nor for each, or twice."""
    stated = sync.options.get(LIMITED, False)
    is_column = LIMITED in {column.name for column in sync.columns}
    if not isinstance(stated, bool) or (stated and is_column):
        raise ConfigError(
            f"{sync.path}: options/{LIMITED} is '{stated}'" + (", and a column" * is_column),
            allowed=f"true for all people, or a column {LIMITED} for each",
            remedy=f"correct options/{LIMITED}, or remove it or the column",
        )
