"""The filters that a template may use. Each has limits of size and time, and none reads a file, a
clock or a secret.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from typing import Any

from liquid import Environment
from liquid.builtin.filters import array, math, misc, string
from liquid.exceptions import FilterError
from liquid.filter import string_filter, with_environment

# Characters of one value and of a whole text, digits of a number: a page needs far less, and a
# template that doubles a value in a loop passes this within 17 turns.
MOST_CHARACTERS = 100_000
MOST_DIGITS = 30
# Seconds for one text. Real ones take less than a thousandth.
MOST_SECONDS = 0.25
_deadline: ContextVar[float] = ContextVar("deadline", default=float("inf"))


@contextmanager
def time_box() -> Iterator[None]:
    """Within it, a filter that begins later than MOST_SECONDS raises FilterError."""
    token = _deadline.set(time.monotonic() + MOST_SECONDS)
    try:
        yield
    finally:
        _deadline.reset(token)


@string_filter
def _replace(value: str, old: object, new: object = "") -> str:
    found = value.count(str(old))
    _check_length(len(value) + found * len(str(new)))
    old = old if isinstance(old, str) else str(old)
    new = new if isinstance(new, str) else str(new)
    return value.replace(old, new)  # of safe markup, this escapes both


@with_environment
def _join(values: object, separator: object = " ", *, environment: Environment) -> Any:
    if isinstance(values, Sequence) and not isinstance(values, str):
        _check_length(len(str(separator)) * len(values) + sum(len(str(part)) for part in values))
    return array.join(values, separator, environment=environment)


def _format_date(value: object, pattern: object) -> str:
    """By a pattern of strftime. The library's own filter reads texts such as "now" too."""
    if not isinstance(value, date | datetime):
        return ""
    return value.strftime(str(pattern))


def _check_length(length: int) -> None:
    if length > MOST_CHARACTERS:
        raise FilterError(f"a value of more than {MOST_CHARACTERS} characters", token=None)


def _limited(function: Any) -> Callable[..., Any]:
    @functools.wraps(function)  # keeps the marks by which the library passes its environment
    def run(*values: Any, **named: Any) -> Any:
        if time.monotonic() > _deadline.get():
            raise FilterError(f"the template takes more than {MOST_SECONDS} seconds", token=None)
        result = function(*values, **named)
        if isinstance(result, str):
            _check_length(len(result))
        if isinstance(result, int) and abs(result) >= 10**MOST_DIGITS:
            raise FilterError(f"a number of more than {MOST_DIGITS} digits", token=None)
        return result

    return run


FILTERS: Mapping[str, Callable[..., Any]] = {
    name: _limited(function)
    for name, function in {
        "abs": math.abs_, "at_least": math.at_least, "at_most": math.at_most, "ceil": math.ceil,
        "divided_by": math.divided_by, "floor": math.floor, "minus": math.minus,
        "modulo": math.modulo, "plus": math.plus, "round": math.round_, "times": math.times,
        "append": string.append, "capitalize": string.capitalize, "downcase": string.downcase,
        "newline_to_br": string.newline_to_br, "prepend": string.prepend,
        "remove": string.remove, "replace": _replace, "slice": string.slice_,
        "split": string.split, "strip": string.strip, "truncate": string.truncate,
        "truncatewords": string.truncatewords, "upcase": string.upcase,
        "url_encode": string.url_encode, "first": array.first, "join": _join, "last": array.last,
        "reverse": array.reverse, "date": _format_date, "default": misc.default,
        "size": misc.size,
    }.items()
}  # fmt: skip
