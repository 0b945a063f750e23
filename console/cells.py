"""What a page consists of, before it becomes HTML: tables, links, badges and notices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any


@dataclass(frozen=True)
class Anchor:
    """A link. href: below the console's root, with a slash first."""

    text: str
    href: str


@dataclass(frozen=True)
class Badge:
    """A state as a coloured word. kind: good, warn, bad or plain."""

    text: str
    kind: str = "plain"


@dataclass(frozen=True)
class Shade:
    """A number on a background of level 0 (none) to 5 (most)."""

    text: str
    level: int


@dataclass(frozen=True)
class HtmlTable:
    """Rows to show. columns: key of a row to heading. missing: why there are no rows, and what to
    do; empty: the text in place of rows. row_heads: the first column names the row.
    """

    caption: str
    columns: Mapping[str, str]
    rows: Sequence[Mapping[str, Any]] = ()
    empty: str = "None."
    missing: str = ""
    row_heads: bool = True


@dataclass(frozen=True)
class Relation:
    """Rows that were read, or why they could not be."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    missing: str = ""

    def table(self, caption: str, columns: Mapping[str, str], empty: str = "None.") -> HtmlTable:
        """The rows as they are, with these columns."""
        return HtmlTable(caption, columns, self.rows, empty, self.missing)


def shown(value: object) -> str:
    """A value as a reader expects it: times in UTC without seconds of no meaning, numbers with
    separators, a dash for nothing.
    """
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float | Decimal):
        return number(float(value))
    if isinstance(value, timedelta):
        return span(value)
    if isinstance(value, list | tuple):
        return ", ".join(shown(part) for part in value) or "–"
    return str(value)


def number(value: float) -> str:
    """A number with as many digits as matter."""
    if value != value:  # not a number
        return "–"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.3g}"


def share(part: float | None, whole: float | None) -> Shade:
    """A part of a whole in percent."""
    return Shade(f"{part / whole:.1%}" if part is not None and whole else "–", 0)


def span(value: timedelta) -> str:
    """A time span in the largest unit that fits."""
    hours = value.total_seconds() / 3600
    if hours >= 48:
        return f"{hours / 24:g} days"
    return f"{hours:g} hours" if hours >= 1 else f"{hours * 60:.0f} minutes"
