"""How a mapped file writes numbers, times and words, where it is not as the shipped source does:
`formats` in its yml. The mapping reads it, the reader of mapped records asks it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from segmentry.errors import ConfigError

# Follows a number that is not as declared: `12.50` under a decimal comma may be twelve
# and a half or a typing error, and must not be read as either.
UNREADABLE = " - not in the declared format"
_GROUPS = {",": r"[. '\u2019\u00a0\u202f]", ".": r"[, '\u2019\u00a0\u202f]"}
_TIME_PARTS = re.compile(r"%[HIMSfpcXzZT]")
_YEAR = re.compile(r"%[YyGcxDF]")
_ISO = re.compile(r"\d{4}-\d\d-\d\d([T ].*)?")


@dataclass(frozen=True)
class ColumnFormat:
    """How a column is written. values: word in the file, in any case, to the word it means."""

    decimal: str | None = None
    date_format: str | None = None
    values: tuple[tuple[str, str], ...] = ()

    @property
    def shown(self) -> str:
        """The format in words; no values of it."""
        return self.date_format or (f"decimal {self.decimal}" if self.decimal else "")

    def read(self, text: str) -> str:
        """The text as the shipped source writes it; what is not as declared is of a wrong type."""
        if self.values:
            return _word(self.values, text)
        if self.date_format:
            return _time(self.date_format, text)
        return _number(self.decimal, text) if self.decimal else text


Formats = tuple[tuple[str, ColumnFormat], ...]


def made(name: str, formats: Mapping[str, Mapping[str, Any]], columns: Iterable[str]) -> Formats:
    """The formats of a source's yml, or ConfigError."""
    place = f"config/sources/{name}.yml"
    if unknown := sorted(formats.keys() - set(columns)):
        raise ConfigError(
            f"{place}: formats names {', '.join(unknown)}, which has no header under columns",
            allowed=", ".join(columns),
            remedy="name a column as on the left side under columns, or remove the format",
        )
    found = []
    for column, stated in formats.items():
        pattern = stated.get("date_format")
        if pattern is not None and not _is_whole(pattern):
            raise ConfigError(
                f"{place}: formats: {column}: the date_format '{pattern}' names no day",
                allowed="directives of Python's strptime for year, month and day: '%d.%m.%Y %H:%M'",
                remedy="add what is missing, and check it with `segmentry sources check`",
            )
        values = tuple(stated.get("values", {}).items())
        found.append((column, ColumnFormat(stated.get("decimal"), pattern, values)))
    return tuple(found)


def applied(formats: Formats, fields: dict[str, str]) -> None:
    """Rewrite the fields, which are texts of JSON, as the shipped source writes them. Only text is
    written in a format: a number of JSON stays as it is.
    """
    for column, form in formats:
        text = fields.get(column, "")
        if not text.startswith('"'):
            continue
        value = json.loads(text)
        if (stripped := value.strip()) and (read := form.read(stripped)) != stripped:
            fields[column] = json.dumps(read, ensure_ascii=False)


def _is_whole(pattern: str) -> bool:
    # Python 3.13 warns of a day without a year, which this refuses by itself.
    if not _YEAR.search(pattern):
        return False
    try:
        return _parser(pattern)(datetime(2001, 2, 13).strftime(pattern)).startswith("2001-02-13")
    except ValueError:
        return False


@lru_cache(maxsize=64)
def _parser(pattern: str) -> Callable[[str], str]:
    has_time = _TIME_PARTS.search(pattern) is not None

    def parsed(text: str) -> str:
        at = datetime.strptime(text, pattern)
        return at.isoformat() if has_time else at.date().isoformat()

    return parsed


def _time(pattern: str, text: str) -> str:
    if _ISO.fullmatch(text):
        return text
    try:
        return _parser(pattern)(text)
    except ValueError:
        return text + UNREADABLE


def _number(decimal: str, text: str) -> str:
    found = _numbers(decimal).fullmatch(text)
    if found is None:
        return text + UNREADABLE
    whole = re.sub(_GROUPS[decimal], "", found["whole"])
    return f"{found['sign'] or ''}{whole}" + (f".{found['rest']}" if found["rest"] else "")


@lru_cache(maxsize=2)
def _numbers(decimal: str) -> re.Pattern[str]:
    group = _GROUPS[decimal]
    return re.compile(
        rf"(?P<sign>[+-])?(?P<whole>\d{{1,3}}(?P<mark>{group})\d{{3}}(?:(?P=mark)\d{{3}})*|\d+)"
        rf"(?:{re.escape(decimal)}(?P<rest>\d+))?"
    )


def _word(values: tuple[tuple[str, str], ...], text: str) -> str:
    return _words(values).get(text.casefold(), text)


@lru_cache(maxsize=64)
def _words(values: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return {written.strip().casefold(): meant for written, meant in values}
