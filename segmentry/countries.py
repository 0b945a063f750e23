"""Codes and names of countries, by CLDR (through babel) and ISO 3166."""

from __future__ import annotations

from functools import cache, lru_cache

# What is written often and is no alias in CLDR.
_MORE = {"el": "GR", "england": "GB", "scotland": "GB", "wales": "GB", "great britain": "GB", "holland": "NL"}
# Names are known in English and in these languages; babel takes about 30 ms to load each.
_LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pt", "pl", "sv", "da", "nb", "fi", "cs", "tr", "ja", "zh")


@lru_cache(maxsize=4096)
def alpha2(text: str | None) -> str | None:
    """The ISO 3166 alpha-2 code of a code (alpha-2, alpha-3, numeric), a subdivision (``US-CA``) or a name, or None."""
    if not text:
        return None
    word = " ".join(text.split())
    if word.upper() in _codes():
        return word.upper()
    head = word.upper().partition("-")[0]
    if head != word.upper() and len(head) == 2 and head in _codes():
        return head
    return _aliases().get(word.upper()) or _MORE.get(word.lower()) or _names().get(word.casefold())


@cache
def _codes() -> frozenset[str]:
    from babel import Locale

    names: dict[str, str] = dict(Locale("en").territories)
    # XA, XB and ZZ are for tests of software; EU, UN and QO are no countries.
    return frozenset(code for code in names if len(code) == 2 and code.isalpha()) - {"XA", "XB", "ZZ", "EU", "UN", "QO"}


@cache
def _aliases() -> dict[str, str]:
    from babel.core import get_global

    aliases: dict[str, list[str]] = get_global("territory_aliases")  # type: ignore[assignment]
    return {old: new[0] for old, new in aliases.items() if len(new) == 1 and new[0] in _codes()}


@cache
def _names() -> dict[str, str]:
    from babel import Locale

    found: dict[str, str] = {}
    for language in _LANGUAGES:
        for code, name in Locale(language).territories.items():
            if code in _codes():
                found.setdefault(name.casefold(), code)
    return found
