"""Countries: one code for every spelling. Names, codes and aliases are those of CLDR, as babel
carries them.
"""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache
from typing import Any

import duckdb
from duckdb.func import ARROW, SPECIAL

# Languages whose name of a country is known next to the official ones of that country itself.
_LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pt")
# Regions that CLDR lists with two letters and that are no country: nobody lives there.
_NO_COUNTRIES = frozenset(
    {"EU", "EZ", "UN", "ZZ", "QO", "XA", "XB", "AC", "CP", "CQ", "DG", "EA", "IC", "TA"}
)
# Names in use that CLDR does not have; folded as _folded does.
_OTHER_NAMES = {
    "england": "GB", "scotland": "GB", "wales": "GB", "northernireland": "GB", "greatbritain": "GB",
    "britain": "GB",
    "eire": "IE", "republicofireland": "IE", "rsa": "ZA", "holland": "NL", "thenetherlands": "NL",
    "uae": "AE",
    "unitedstatesofamerica": "US", "america": "US", "czechrepublic": "CZ", "turkey": "TR",
    "korea": "KR",
    "republicofkorea": "KR", "russianfederation": "RU", "macedonia": "MK", "ivorycoast": "CI",
    "vietnam": "VN",
    "brd": "DE", "federalrepublicofgermany": "DE", "bundesrepublikdeutschland": "DE",
    "hongkong": "HK", "macau": "MO",
    "burma": "MM", "swaziland": "SZ", "capeverde": "CV", "easttimor": "TL", "ger": "DE",
}  # fmt: skip


def country_code(text: str | None) -> str | None:
    """The two letters of ISO 3166-1 of a country given as a code of two or three letters, a number,
    or a name.

    Case, accents, blanks and punctuation do not matter. None for what is no country, or may be
    several (such as ``Soviet Union``).

    >>> [country_code(text) for text in ("de", "DEU", "276", "Deutschland", "u.k.", "Atlantis")]
    ['DE', 'DE', 'DE', 'DE', 'GB', None]
    """
    return _code(text) if text else None


def register(connection: duckdb.DuckDBPyConnection) -> None:
    """Give a connection the SQL function ``country_code(text)``; to do it again is harmless."""
    try:
        connection.create_function(
            "country_code", _code_column, ["VARCHAR"], "VARCHAR", type=ARROW, null_handling=SPECIAL
        )
    except (duckdb.CatalogException, duckdb.NotImplementedException):
        return  # a cursor of a connection that has it


def _code_column(texts: Any) -> Any:
    import pyarrow  # only a connection that asks for countries needs it

    return pyarrow.array([country_code(text) for text in texts.to_pylist()], pyarrow.string())


def codes() -> list[str]:
    """Every code that ``country_code`` can return."""
    return sorted(set(_known().values()))


@lru_cache(maxsize=65536)
def _code(text: str) -> str | None:
    return _known().get(_folded(text))


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in plain if letter.isalnum())


@cache
def _known() -> dict[str, str]:
    """Folded spelling to code; a spelling of two countries is left out."""
    from babel import (
        Locale,
    )  # reads its tables from files, which nobody without a country should wait for
    from babel.core import get_global

    names = [str(code) for code in Locale("en").territories]
    countries = [
        code for code in names if len(code) == 2 and code.isalpha() and code not in _NO_COUNTRIES
    ]
    found: dict[str, set[str]] = {}
    for code in countries:
        for name in (code, *_names(code)):
            found.setdefault(_folded(name), set()).add(code)
    known = {name: next(iter(codes)) for name, codes in found.items() if len(codes) == 1}
    for alias, codes_ in get_global("territory_aliases").items():
        if len(codes_) == 1 and codes_[0] in countries:
            known.setdefault(_folded(alias), codes_[0])
    return {**_OTHER_NAMES, **known}


def _names(code: str) -> list[str]:
    """What the country is called in the languages above and in its own."""
    from babel import Locale, UnknownLocaleError
    from babel.languages import get_official_languages

    names = []
    for language in dict.fromkeys((*_LANGUAGES, *get_official_languages(code, de_facto=True))):
        try:
            name = Locale.parse(language).territories.get(code)
        except (UnknownLocaleError, ValueError):
            continue
        if name:
            names.append(str(name))
    return names
