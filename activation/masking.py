"""Rows and requests to look at, without what names a person and without secrets.

A text is shown by its first character. Numbers, truth values and dates that name nobody are shown
as they are, constants and names of segments too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import Any

from activation.addresses import is_address
from activation.redact import clean
from segmentry.sync_config import SyncConfig

HIDDEN = "…"
# What profiles.profiles has of a person's life that names it though it is no text.
_NAMING = frozenset({"birth_date", "birthdate", "date_of_birth"})
# Hashes of identifiers, which name a person to every tool that can hash.
_HASHES = re.compile(r"\b[0-9a-f]{32,64}\b")
# Keys of answers whose texts are of the request, its job and its faults.
_ABOUT_REQUEST = frozenset(
    {
        "category", "code", "created_at", "detail", "error", "error_code", "errorcode", "errors",
        "field", "id", "instance", "job_id", "jobid", "message", "msg", "pointer", "reason",
        "request_id", "requestid", "state", "status", "subcategory", "title", "type",
    }
)  # fmt: skip
_SHOWN_PARTS = 20
_MARKS = re.compile(r"[^0-9A-Za-z]")
# Headers that carry neither a secret nor what is made of one.
_PLAIN_HEADERS = ("content-type", "accept", "revision", "webhook-id", "webhook-timestamp")


def masked(value: Any) -> Any:
    """A value by its first character; None remains None."""
    text = "" if value is None else str(value).strip()
    return None if value is None else text[:1] + HIDDEN


def naming(sync: SyncConfig) -> frozenset[str]:
    """The columns of a sync whose values name a person, or may."""
    return frozenset(
        column.name
        for column in sync.columns
        if column.name == sync.key
        or (column.source in ("from", "template") and column.type == "varchar")
        or column.value in _NAMING
    )


def row(sync: SyncConfig, values: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a sync to look at."""
    hidden = naming(sync)
    return {
        name: masked(value) if name in hidden or is_address(str(value)) else value
        for name, value in values.items()
    }


def text(shown: str, values: Collection[str]) -> str:
    """A text without these values, in whatever case, and quoted for an address too; without
    hashes.
    """
    for value in sorted({v.strip() for v in values if v and v.strip()}, key=len, reverse=True):
        pattern = "".join(_either(character) for character in value)
        shown = re.sub(rf"(?<!\w){pattern}(?!\w)", masked(value), shown, flags=re.IGNORECASE)
    return _HASHES.sub(lambda found: found[0][:4] + HIDDEN, shown)


def answer(body: str, values: Collection[str]) -> str:
    """A tool's answer to look at: the numbers, truth values and the texts that are about the
    request. It may name what the tool knows of the person beyond what was sent.
    """
    try:
        content = json.loads(body)
    except ValueError:
        return clean(body)
    shown = json.dumps(_about_request("", content), ensure_ascii=False, indent=1)
    return text(shown, values)


def _about_request(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _about_request(key, part) for key, part in value.items()}
    if isinstance(value, list):
        return [_about_request(name, part) for part in value[:_SHOWN_PARTS]]
    if not isinstance(value, str):
        return value
    if name.lower() not in _ABOUT_REQUEST:
        return HIDDEN if value else value
    # What is quoted in it may be the row's; an unquoted address is removed too.
    return clean(value)


def _either(character: str) -> str:
    """A character as it is, or as an address has it."""
    plain = re.escape(character)
    if not _MARKS.match(character):
        return plain
    quoted = "".join(f"%{byte:02X}" for byte in character.encode())
    return f"(?:{plain}|{quoted})"


def headers(found: Mapping[str, str]) -> dict[str, str]:
    """Headers to look at: their names, and the values of those that carry no secret."""
    return {
        name: value if name.lower() in _PLAIN_HEADERS else HIDDEN
        for name, value in found.items()
        if name.lower() not in ("host", "connection", "accept-encoding", "content-length")
    }
