"""Forms of addresses, and the identifiers of a row as the ledger keeps them.
Destinations check rows by it, and repeat in a removal what was sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from activation.model import Row

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE = re.compile(r"\+[1-9]\d{6,14}")


def as_identifiers(found: Mapping[str, Any] | Sequence[Any]) -> str | None:
    """Identifiers as the ledger keeps them: the same text for the same content; None for none."""
    return json.dumps(found, sort_keys=True, separators=(",", ":")) if found else None


def sent_identifiers(row: Row) -> Any:
    """What ``as_identifiers`` made of the row when it was sent; None where nothing was kept."""
    return None if row.identifiers is None else json.loads(row.identifiers)


def is_email(text: str) -> bool:
    """Whether the text is an e-mail address."""
    return _EMAIL.fullmatch(text) is not None


def is_phone(text: str) -> bool:
    """Whether the text is a phone number in E.164."""
    return _PHONE.fullmatch(text) is not None


def is_address(text: str) -> bool:
    """Whether the text is an e-mail address or a phone number: the ledger keeps no such identifier
    as it is.
    """
    return bool(_EMAIL.fullmatch(text.strip()) or _PHONE.fullmatch(text.strip()))
