"""Values of the lake in the forms that tools take: JSON without a type that JSON lacks, and text.
The destinations write every value by it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

AS_JSON = (
    "dates as `2026-05-01`, times as `2026-05-01T09:30:00Z` in UTC, numbers and booleans as JSON"
    " has them, lists and structs as JSON"
)
AS_TEXT = (
    "all as text: dates as `2026-05-01`, times as `2026-05-01T09:30:00Z` in UTC, decimals with a"
    " point, `true` and `false`, lists and structs as JSON"
)
_PLAIN = frozenset({str, int, bool, type(None)})


def for_json(value: Any) -> Any:
    """The value as JSON has it. A time without a zone is UTC, as all of the lake's are."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is float:
        return value if math.isfinite(value) else None
    return _of_other_types(value)


def all_for_json(values: Sequence[Any]) -> Sequence[Any]:
    """``for_json`` of each value of a column."""
    return values if _PLAIN.issuperset(map(type, values)) else [for_json(value) for value in values]


def _of_other_types(value: Any) -> Any:
    if isinstance(value, datetime):
        return in_utc(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return for_json(int(value) if value == value.to_integral_value() else float(value))
    if isinstance(value, dict):
        return {str(name): for_json(part) for name, part in value.items()}
    if isinstance(value, list | tuple | set):
        return [for_json(part) for part in value]
    return str(value)


def in_utc(value: datetime) -> str:
    """A time in ISO 8601, in UTC with a Z."""
    there = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return there.isoformat().replace("+00:00", "Z")


def for_text(value: Any) -> str:
    """The value as a cell or a property of text; '' where there is none."""
    if isinstance(value, Decimal):
        return format(value, "f") if value.is_finite() else ""
    plain = for_json(value)
    if plain is None:
        return ""
    if isinstance(plain, bool):
        return str(plain).lower()
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)
