"""Numbers, texts, days and times as a segment may write them. Called by ``segments.guard``."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal

from sqlglot import exp

from segments.predicates import Literal, Operand
from segments.refused import check_parts, refuse

# With more digits a double of DuckDB, a decimal of DuckDB and a float of Python are no longer the
# same number.
MOST_DIGITS = 15
_PLAIN_NUMBER = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]+)?")
_NUMBER = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,4})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T]([01][0-9]|2[0-3]):[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
)


def literal(node: exp.Expr) -> Literal | None:
    """The literal that a node writes; None where it is none."""
    if type(node) is exp.Boolean:
        return Literal(bool(node.this), "boolean", "true" if node.this else "false")
    if type(node) is exp.Literal:
        if node.is_string:
            return Literal(node.this, "text", "'" + node.this.replace("'", "''") + "'")
        return _number(node.this)
    if type(node) is exp.Neg:
        return _negative(literal(node.this.unnest()))
    if type(node) is exp.Cast and isinstance(node.this, exp.Literal) and node.this.is_string:
        check_parts(node)
        return _time_literal(node)
    return None


def _number(text: str) -> Literal:
    if not _NUMBER.fullmatch(text):
        refuse(f"'{text[:40]}'", "write the number with digits and a point: 5 or 0.25")
    plain = text if _PLAIN_NUMBER.fullmatch(text) else format(Decimal(text), "f")
    if _digits(plain) > MOST_DIGITS and "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    if _digits(plain) > MOST_DIGITS:
        refuse(f"the number {text[:40]}", f"write a number of at most {MOST_DIGITS} digits")
    return Literal(float(plain) if "." in plain else int(plain), "number", plain)


def _digits(number: str) -> int:
    return sum(map(str.isdigit, number))


def _negative(number: Literal | None) -> Literal | None:
    if number is None or number.family != "number" or isinstance(number.value, bool):
        return None
    assert isinstance(number.value, int | float)
    text = number.text.removeprefix("-") if number.text.startswith("-") else f"-{number.text}"
    return Literal(-number.value, "number", text)


def _time_literal(node: exp.Cast) -> Literal | None:
    kind = node.to.sql(dialect="duckdb").lower()
    text = node.this.this
    try:
        if kind == "date" and _DATE.fullmatch(text):
            day = date.fromisoformat(text)
            return Literal(day, "date", f"date '{day.isoformat()}'")
        if kind == "timestamp" and (_DATE.fullmatch(text) or _TIME.fullmatch(text)):
            time = datetime.fromisoformat(text)
            return Literal(time, "time", f"timestamp '{time.isoformat(sep=' ')}'")
    except ValueError:
        pass
    if kind in {"date", "timestamp"}:
        refuse(f"'{text[:40]}' is not a {kind}", "write it as 2026-05-01 or 2026-05-01 10:00:00")
    return None


def as_time(operand: Operand, other: Operand) -> Operand:
    """A day compared with a time is that day's midnight, in SQL and here."""
    if other.family == "time" and isinstance(operand, Literal) and isinstance(operand.value, date):
        if operand.family == "time":
            return operand
        midnight = datetime(operand.value.year, operand.value.month, operand.value.day)
        return Literal(midnight, "time", f"timestamp '{midnight.isoformat(sep=' ')}'")
    return operand
