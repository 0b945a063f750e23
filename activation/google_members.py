"""How Google names a person: hashed identifiers, and an address of which two parts are hashed.
The destination ``google_data_manager`` makes its members by it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from activation.addresses import sent_identifiers
from activation.hashing import google_email, google_name, google_phone, google_region, sha256
from activation.model import Row

NORMALIZED = {"email": ("emailAddress", google_email), "phone": ("phoneNumber", google_phone)}
ADDRESS: dict[str, tuple[str, Callable[[str], str]]] = {
    "given_name": ("givenName", lambda value: sha256(google_name(value))),
    "family_name": ("familyName", lambda value: sha256(google_name(value))),
    "region_code": ("regionCode", google_region),
    "postal_code": ("postalCode", str.strip),
}


def user_data(values: dict[str, Any]) -> dict[str, Any]:
    """The identifiers of a person with these values of columns; none where none can be made."""
    identifiers: list[dict[str, Any]] = []
    for name, (field, normalize) in NORMALIZED.items():
        normal = normalize(str(values[name])) if values.get(name) is not None else ""
        identifiers += [{field: sha256(normal)}] if normal else []
    parts = {
        field: normalize(str(values[name])) if values.get(name) is not None else ""
        for name, (field, normalize) in ADDRESS.items()
    }
    identifiers += [{"address": parts}] if all(parts.values()) else []
    return {"userIdentifiers": identifiers}


def sent(row: Row) -> dict[str, Any] | None:
    """The identifiers that the row was sent with; None where the ledger has none."""
    identifiers = sent_identifiers(row)
    return {"userIdentifiers": identifiers} if isinstance(identifiers, list) else None
