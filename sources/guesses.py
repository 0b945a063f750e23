"""What a column's values look like: type, way of writing, identifier, opt-out. The sampler asks;
nothing here keeps or prints a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial

from segmentry import identifier_words
from sources.columns import same_name
from sources.formats import UNREADABLE, ColumnFormat

# Share of a column's values that must be of a type: exports have a few faults of their own.
MOST = 0.95
# A column of at most this many different values, each there this often on average, is a word.
MOST_WORDS = 20
LEAST_REPEATED = 3
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE = re.compile(r"(\+|00)?\(?\d[\d ()./-]{5,18}\d")
# Beyond nine digits a number is a name of something: an article, an account.
_INTEGER = re.compile(r"[+-]?\d{1,9}")
_AMOUNT = re.compile(r"[+-]?\d{1,9}(\.\d+)?")
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_ISO_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?( ?(Z|UTC|[+-]\d\d:?\d\d))?")
_DATES = ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y/%m/%d", "%d.%m.%y")
_TIMES = ("", " %H:%M", " %H:%M:%S", "T%H:%M:%S")
# Names that exports give to identifiers, besides those of segmentry.identifier_words, as
# same_name makes them.
_NAMES = {
    "user_id": r"user(id|no|nr|number)|(customer|client|kunden?|member|mitglieds?|account)"
    r"(id|no|nr|num|number|nummer|ref)|externalid",
    "crm_id": r"(crm|contact|kontakt)(id|no|nr|number|nummer)",
    "loyalty_id": r"(loyalty|bonus|loyal).*|(kunden)?karten?(nr|no|nummer)|(member|club)?card"
    r"(id|no|nr|number)",
    "cookie": r"(anonymous|visitor|cookie|browser)(id)?",
    "device_id": r"(device|advertising)(id)?|idf[av]|gaid",
}
_PHONE_NAME = re.compile(r"phone|mobil|handy|^tel|msisdn|sms|rufnummer|whatsapp|cell")
_OPT_OUT = re.compile(
    r"opt(ed|s)?out|unsubscri|do?not(contact|call|e?mail|message|sms|text|phone|sell|share|track|market)"
    r"|^no(e?mail|sms|calls?|newsletter|marketing)|suppress|b(lock|lack)list|^dn[cm]$|spam(report|complain)"
    r"|abgemeldet|abmeldung|widerspr|widerruf|keinewerbung|werbesperre|desabonne|dadodebaja"
)
_BIRTH = re.compile(r"birth|geb(urt|oren)|^dob$|naissance|nacimiento")


def is_opt_out(name: str) -> bool:
    """Whether a column is called as exports call one of refusals."""
    return _OPT_OUT.search("".join(c for c in name.casefold() if c.isalnum())) is not None


def is_birth(name: str) -> bool:
    """Whether a column is called as a date of birth."""
    return _BIRTH.search(same_name(name)) is not None


def is_value(name: str) -> bool:
    """Whether a header's cell looks like a value: a number, a date, an address."""
    text = name.strip()
    return any(matches.fullmatch(text) for matches in (_EMAIL, _AMOUNT, _ISO_DATE, _ISO_TIME)) or (
        date_format([text])[0] is not None
    )


def shape(value: str) -> str:
    """The form of a value without its content: `aaa@aaa.aaa`, `9999-99-99`."""
    marks = "".join(_mark(c) for c in value[:200])
    short = re.sub(r"(a{3})a+|(A{3})A+", lambda run: run[1] or run[2], marks)
    return short if len(short) <= 40 else short[:39] + "…"


def _mark(character: str) -> str:
    if character.isdigit():
        return "9"
    if character.isalpha():
        return "A" if character.isupper() else "a"
    return character if character.isascii() and character.isprintable() else "?"


def identifier(name: str, values: Sequence[str]) -> str | None:
    """Type of identifier that the column looks like."""
    if values and _share(values, _EMAIL.fullmatch) >= MOST:
        return "email"
    called = same_name(name)
    if (_PHONE_NAME.search(called) or _share(values, _is_international) >= MOST) and _share(
        values, _PHONE.fullmatch
    ) >= MOST:
        return "phone"
    for kind, pattern in _NAMES.items():
        names = {same_name(other) for other in identifier_words.NAMES[kind]}
        if called in names or re.fullmatch(pattern, called):
            return kind
    return None


def type_of(name: str, values: Sequence[str]) -> tuple[str, ColumnFormat, str]:
    """Type of a base model, how the values are written, and what is ambiguous about it."""
    plain = ColumnFormat()
    if not values:
        return "text", plain, ""
    if same_name(name) in {"currency", "currencycode", "waehrung", "währung"}:
        return "currency", plain, ""
    for kind, matches in _PLAIN:
        if _share(values, matches) >= MOST:
            return kind, plain, ""
    form, ambiguity = date_format(values)
    if form is not None:
        return ("timestamp" if "%H" in (form.date_format or "") else "date"), form, ambiguity
    if (comma := _decimal(values)) is not None:
        return "amount", comma, ""
    different = {value.casefold() for value in values}
    is_word = len(different) <= MOST_WORDS and len(values) >= LEAST_REPEATED * len(different)
    return ("word" if is_word and max(map(len, different)) <= 40 else "text"), plain, ""


def date_format(values: Sequence[str]) -> tuple[ColumnFormat | None, str]:
    """The way in which all values are dates, and the other way in which they all are as well."""
    fitting = []
    for pattern in (date + time for date in _DATES for time in _TIMES):
        form = ColumnFormat(date_format=pattern)
        if _share(values, partial(_reads, form)) >= MOST:
            fitting.append(form)
    if not fitting:
        return None, ""
    others = [form.date_format for form in fitting[1:]]
    ambiguity = f"every value also reads as {others[0]}" if others else ""
    return fitting[0], ambiguity


def _decimal(values: Sequence[str]) -> ColumnFormat | None:
    for sign in (",", "."):
        form = ColumnFormat(decimal=sign)
        written = any(sign in value for value in values)
        if written and _share(values, partial(_reads, form)) >= MOST:
            return form
    return None


def _reads(form: ColumnFormat, value: str) -> bool:
    read = form.read(value)
    if form.date_format and not (read != value and read[:4] > "1900"):
        return False
    return not read.endswith(UNREADABLE)


def _share(values: Sequence[str], matches: Callable[[str], object]) -> float:
    return sum(1 for value in values if matches(value)) / len(values) if values else 0.0


def _is_international(value: str) -> bool:
    return value.startswith("+") and value[1:2].isdigit()


_PLAIN: tuple[tuple[str, Callable[[str], object]], ...] = (
    ("boolean", lambda value: value.casefold() in {"true", "false"}),
    ("date", _ISO_DATE.fullmatch),
    ("timestamp", _ISO_TIME.fullmatch),
    ("timestamp", lambda value: _ISO_TIME.fullmatch(value) or _ISO_DATE.fullmatch(value)),
    ("integer", lambda value: _INTEGER.fullmatch(value) and not re.match(r"[+-]?0\d", value)),
    ("amount", lambda value: _AMOUNT.fullmatch(value) and not re.match(r"[+-]?0\d", value)),
)
