"""Where a column goes in a profile of Klaviyo: a field of its own, its location, or a property; and
which profile an error names. The destination ``klaviyo`` writes profiles by it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from activation.model import Row
from activation.redact import clean
from segmentry.errors import ConfigError
from segmentry.sync_config import SyncConfig

FIELDS = {
    "email", "phone_number", "external_id", "anonymous_id", "first_name", "last_name",
    "organization", "title", "image", "locale",
}  # fmt: skip
LOCATION = {
    "address1", "address2", "city", "country", "region", "zip", "latitude", "longitude", "timezone",
    "ip",
}  # fmt: skip
ALIASES = {"phone": "phone_number"}
KEYS = ("email", "phone_number", "phone", "external_id")  # by which profiles are matched


def field(column: str) -> str:
    """Klaviyo's name of a column."""
    return ALIASES.get(column, column)


def attributes(values: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a profile with these values of columns."""
    own: dict[str, Any] = {}
    location: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    for name, value in values.items():
        if field(name) in FIELDS:
            own[field(name)] = value
        elif name in LOCATION:
            location[name] = value
        else:
            properties[name] = value
    parts = {"location": location, "properties": properties}
    return {**own, **{name: part for name, part in parts.items() if part}}


def check_key(sync: SyncConfig) -> None:
    """Raise ConfigError where Klaviyo matches no profile by the key."""
    if sync.key not in KEYS:
        raise ConfigError(
            f"{sync.path}: the key is '{sync.key}', by which Klaviyo matches no profile",
            allowed=", ".join(KEYS),
            remedy="name the column of the key after what it is at Klaviyo",
        )


def failed_row(rows: Sequence[Row], error: dict[str, Any]) -> tuple[int, str] | None:
    """The place in the job of the row that an error names, and the reason; None without one."""
    attributes = error["attributes"]
    reason = clean(f"{attributes.get('code', 'invalid')}: {attributes.get('detail', '')}")
    found = re.search(
        r"/profiles/data/(\d+)", str((attributes.get("source") or {}).get("pointer", ""))
    )
    if found and int(found.group(1)) < len(rows):
        return int(found.group(1)), reason
    stated = {str(value).lower() for value in (attributes.get("original_payload") or {}).values()}
    return next(((i, reason) for i, row in enumerate(rows) if row.identity.lower() in stated), None)
