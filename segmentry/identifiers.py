"""The one normal form of each identifier type: identity, consent, suppression and destinations use
it.

`normal` returns the form in which an identifier is stored and compared, `fault` the reason why a
value is refused; one of the two is always None. `loose_keys` returns keys under which a refusal
that matches no identifier exactly may mean known ones. The same three are SQL functions on every
connection of ours (`register`). They are Python: tables may use them, views of the lake may not,
because other readers of the lake lack them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any

import duckdb
from duckdb.func import SPECIAL

from segmentry import emails, nobody, phones
from segmentry import suspicion as suspicions
from segmentry.spelling import clean, has_controls, whole_number, without_controls

# Part of the fingerprint of identity: raise it with every change of a normal form or detector.
VERSION = 1
LONGEST = 320
# The type of keys of things (orders, products): in the form of other keys, and any word may be one.
THING = "thing"
# A value, its type and country are judged once while it is among the last so many.
_REMEMBERED = 1 << 17
_UUID = re.compile(r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")
_WRAPPED = (('="', '"'), ('"', '"'), ("%22", "%22"), ('\\"', '\\"'))
_CALLED = re.compile(r"^(?:urn:uuid:|uuid:)", re.IGNORECASE)

# With a letter besides e, and a digit: neither a power nor a word. Or digits alone.
_QUICK = re.compile(
    r"(?=[0-9e_.:-]*[A-DF-Za-df-z])(?=[A-Za-z_.:-]*[0-9])[A-Za-z0-9][A-Za-z0-9_.:-]{1,62}[A-Za-z0-9]"
    r"|[1-9][0-9]{3,31}",
    re.ASCII,
)
# Of so many characters a key may be a run or a row; one that has so many different ones is no run.
_SHORT = 8
_VARIED = 6

Judgement = tuple[str | None, str | None]


def normal(identifier_type: str, value: object, country: str | None = None) -> str | None:
    """The form in which an identifier is stored and compared; None for a value that is none.

    country: how to read a national phone number (ISO 3166 code, subdivision or name); other types
    have none.
    """
    return judgement(identifier_type, value, country, None)[0]


def fault(identifier_type: str, value: object, country: str | None = None) -> str | None:
    """The reason why a value is refused, or None for one that is an identifier.

    `empty`, `too_long`, `control_characters`, `placeholder` (it identifies nobody), `lost_digits`
    (a number that was a float), `has_an_extension`, `not_a_valid_email`, `not_a_valid_phone`.
    """
    return judgement(identifier_type, value, country, None)[1]


def loose_keys(identifier_type: str, value: object) -> tuple[str, ...]:
    """Keys under which a value, refused or not, may mean known identifiers of its type; no key for
    an empty value.
    """
    text = _text(value)
    if identifier_type == "phone":
        return phones.loose_keys(text)
    if identifier_type == "email":
        return emails.loose_keys(text)
    return _loose_keys_of_key(text)


def suspicion(identifier_type: str, identifier: str) -> int:
    """How much an identifier in its normal form looks made up, 0 to 3 (`segmentry.suspicion`)."""
    return suspicions.score(identifier_type, identifier)


def register(connection: duckdb.DuckDBPyConnection, shop_country: str | None = None) -> None:
    """Make the functions known to a connection; to do it again is harmless.

    shop_country: how national phone numbers of records without a country are read
    (`configuration.shop_country`).
    """

    def judged(place: int) -> Callable[..., str | None]:
        def judge(kind: str | None, value: str | None, country: str | None) -> str | None:
            return judgement(kind or "", value or "", country, shop_country)[place]

        return judge

    functions: dict[str, tuple[Callable[..., Any], int, str]] = {
        "normal_identifier": (judged(0), 3, "VARCHAR"),
        "identifier_fault": (judged(1), 3, "VARCHAR"),
        "loose_identifier_keys": (_keys_or_none, 2, "VARCHAR[]"),
        "identifier_suspicion": (_suspicion_or_none, 2, "INTEGER"),
    }
    for name, (function, width, result) in functions.items():
        parameters: list[Any] = ["VARCHAR"] * width
        with suppress(
            duckdb.CatalogException, duckdb.NotImplementedException
        ):  # a cursor of one that has them
            # Not the kind that takes Arrow: DuckDB 1.5.5 releases its texts inside coalesce() and
            # the like, and gives wrong values without an error.
            connection.create_function(name, function, parameters, result, null_handling=SPECIAL)


def _keys_or_none(identifier_type: str | None, value: str | None) -> list[str]:
    return list(loose_keys(identifier_type or "", value))


def _suspicion_or_none(identifier_type: str | None, value: str | None) -> int | None:
    return None if value is None else suspicion(identifier_type or "", value)


def judgement(
    identifier_type: str, value: object, country: str | None, shop_country: str | None
) -> Judgement:
    """Normal form and fault at once; the shop's country counts where the record has none that is
    known.
    """
    if identifier_type != "phone":
        return _judged(identifier_type, _text(value), None)
    return _judged(
        "phone", _text(value), phones.region_of(country) or phones.region_of(shop_country)
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


@lru_cache(maxsize=_REMEMBERED)
def _judged(identifier_type: str, value: str, country: str | None) -> Judgement:
    """The quick answer for most values, which are plain, or the careful one; a test compares the
    two.
    """
    if identifier_type == "email":
        return _quick_email(value) or _email(value)
    if identifier_type == "phone":
        return phones.judge(value, country) if len(value) <= LONGEST else (None, "too_long")
    return _quick_key(value) or _key(value, is_person=identifier_type != THING)


def _quick_email(value: str) -> Judgement | None:
    address = emails.quick(value)
    return (
        (address, None) if address and not nobody.is_fake_address(*emails.parts(address)) else None
    )


def _quick_key(value: str) -> Judgement | None:
    """Letters and digits of which nothing reminds of a number, a template or a row of neighbouring
    keys.
    """
    if not _QUICK.fullmatch(value) or (len(value) >= _SHORT and len(set(value)) < _VARIED):
        return None
    start = value[:3].lower()
    if start in nobody.SUSPECT_STARTS or not start.isalnum() or start.startswith("0x"):
        return None
    return (value.lower() if _UUID.fullmatch(value) else value), None


def _email(value: str) -> Judgement:
    address, reason = emails.judge(value)
    if address is None:
        text = clean(value)
        is_nobody = reason == "not_a_valid_email" and nobody.is_residue(text)
        return None, "placeholder" if is_nobody else reason
    return (
        (None, "placeholder") if nobody.is_fake_address(*emails.parts(address)) else (address, None)
    )


def _key(value: str, *, is_person: bool = True) -> Judgement:
    """An opaque key: case is kept, for two people may differ by it; a UUID is in lower case (RFC
    9562).
    """
    text = _unwrapped(clean(value))
    if not text:
        return None, "empty"
    if len(text) > LONGEST:
        return None, "too_long"
    if has_controls(text):
        return None, "control_characters"
    bare = _CALLED.sub("", text).strip("{}")
    if _UUID.fullmatch(bare):
        text = bare.lower()
    text, is_lost = whole_number(text)
    if is_lost:
        return None, "lost_digits"
    return (None, "placeholder") if is_person and nobody.is_nobody(text) else (text, None)


def _unwrapped(text: str) -> str:
    """The text without the quotes of a JSON string that was written as text, and of a spreadsheet's
    ``="..."``.
    """
    before = None
    while before != text:
        before = text
        for start, end in _WRAPPED:
            if len(text) >= len(start) + len(end) and text.startswith(start) and text.endswith(end):
                text = clean(text[len(start) : len(text) - len(end)])
    return text


def _loose_keys_of_key(value: str) -> tuple[str, ...]:
    text, is_lost = whole_number(_unwrapped(clean(without_controls(value))))
    folded = "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())
    if not folded:
        return ()
    # A number that lost digits meets only those that lost the same ones.
    return (
        (f"float:{float(folded)!r}",)
        if is_lost and folded.isdecimal()
        else (folded.lstrip("0") or folded,)
    )
