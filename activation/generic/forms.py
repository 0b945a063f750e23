"""Forms of values: what a placeholder may do to a value, and how a description writes dates,
numbers and NULLs. Nothing else is done to a value: a description has no code.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from activation import hashing, values
from activation.generic.description import ValueForms

JOINED = "joined"  # several collected values, with commas between them
FORMS: Mapping[str, Callable[[str], Any]] = {
    "trim": str.strip,
    "lower": str.lower,
    "upper": str.upper,
    "no_spaces": lambda text: re.sub(r"\s", "", text),
    "sha256": hashing.sha256,
    "e164": hashing.google_phone,
    "digits": hashing.meta_phone,
    "device": hashing.meta_device,
    "integer": int,
    "text": str,
    JOINED: str,
}
_LEFT = object()


def applied(value: Any, names: tuple[str, ...]) -> Any:
    """The value in these forms, one after the other; None stays None."""
    for name in names:
        if value is None:
            return None
        if name == JOINED:
            value = ",".join(values.for_text(part) for part in value)
        else:
            value = FORMS[name](values.for_text(value))
    return value


def fields(
    given: Mapping[str, Any], left_alone: frozenset[str], by: ValueForms, nulls: str
) -> dict[str, Any]:
    """The columns of a row as the tool gets them. left_alone: columns that are not sent if NULL.
    nulls: null, empty or leave.
    """
    found = {}
    for name, value in given.items():
        form = _null(name in left_alone, nulls) if _is_null(value) else written(value, by)
        if form is not _LEFT:
            found[name] = form
    return found


def _is_null(value: Any) -> bool:
    is_float = isinstance(value, float | Decimal)
    return value is None or (is_float and not math.isfinite(value))


def _null(is_left_alone: bool, nulls: str) -> Any:
    if is_left_alone or nulls == "leave":
        return _LEFT
    return "" if nulls == "empty" else None


def written(value: Any, by: ValueForms) -> Any:
    """A value that is not NULL in the description's form."""
    if isinstance(value, bool):
        return values.for_text(value) if by.booleans == "text" else value
    if isinstance(value, int | float | Decimal):
        return values.for_text(value) if by.numbers == "text" else values.for_json(value)
    if isinstance(value, datetime):
        return _time(value, by.times)
    if isinstance(value, date):
        return _time(datetime.combine(value, time(), UTC), by.dates, value.isoformat())
    plain = values.for_json(value)
    is_nested = isinstance(plain, list | dict)
    return json.dumps(plain, ensure_ascii=False) if is_nested and by.nested == "text" else plain


def _time(value: datetime, form: str, text: str | None = None) -> Any:
    if form == "iso":
        return values.in_utc(value) if text is None else text
    there = value.replace(tzinfo=UTC) if value.tzinfo is None else value
    seconds = there.timestamp()
    return int(seconds * 1_000) if form == "unix_ms" else int(seconds)


def stated(by: ValueForms) -> str:
    """The forms in words, for the reference."""
    words = {"unix": "seconds since 1970", "unix_ms": "milliseconds since 1970"}
    parts = [
        f"dates as {words.get(by.dates, '`2026-05-01`')}",
        f"times as {words.get(by.times, '`2026-05-01T09:30:00Z` in UTC')}",
        "numbers " + ("as text" if by.numbers == "text" else "as JSON has them"),
        "booleans " + ("as `true` and `false` in text" if by.booleans == "text" else "as JSON"),
        "lists and structs " + ("as JSON in text" if by.nested == "text" else "as JSON"),
        {"null": "NULL as null", "empty": "NULL as an empty text", "leave": "no NULL"}[by.nulls],
    ]
    return ", ".join(parts)
