"""Whether what two records state of a person can be of one person: birth dates, names, gender.

Missing values are no evidence, and neither are names in different scripts. Names are compared by
Jaro-Winkler similarity (Winkler 1990), the comparison of Splink's library on DuckDB, with
nicknames, initials, swapped first and last names, and usual transliterations.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import jellyfish

from identity.nicknames import is_nickname

# Part of the fingerprint of identity: raise it with every change of a comparison.
VERSION = 1
BIRTH_DATE = "birth_date"
NAME = "name"
TRAITS = (BIRTH_DATE, NAME)
# From here on two spellings are one name with a typo: Splink's own threshold of its name
# comparison. Below 0.88 sons and daughters of one family would be one person.
_ALIKE = 0.88
# Likeness of two values.
_SAME = 2
_NEAR = 1
_DIFFERENT = 0
# Dates that forms and imports use where they know only a year or nothing: the first of January.
_UNKNOWN_DAY = "-01-01"
_TITLES = {"mr", "mrs", "ms", "miss", "dr", "prof", "herr", "frau", "mme", "sr", "jr", "ing", "mag"}
# Ways to write one sound, after accents are folded: "Yevgeniy" and "Evgeny" come to one form.
_SOUNDS = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        ("ae", "a"), ("oe", "o"), ("ue|ou", "u"), ("ph", "f"), ("kh|ch", "h"), ("ks", "x"),
        ("th", "t"), ("ck|c", "k"), ("w", "v"), ("tz", "z"), ("sh|sch", "s"), ("^ye|^je", "e"),
        ("[yj]", "i"), (r"(.)\1+", r"\1"), ("ii?$", "i"),
    )
)  # fmt: skip


_VOWELS = re.compile("[aeiou]")
# From so many consonants on they identify a name: "mhmd" is Mohammed, "ptr" is Peter and Petra.
_LEAST_CONSONANTS = 4


@dataclass(frozen=True, order=True)
class Person:
    """What is stated of a person by records of one identifier; each a set of folded values."""

    first_names: tuple[str, ...] = ()
    last_names: tuple[str, ...] = ()
    birth_dates: tuple[str, ...] = ()
    genders: tuple[str, ...] = ()


def person(
    first_names: Collection[str], last_names: Collection[str],
    birth_dates: Collection[str] = (), genders: Collection[str] = (),
) -> Person:  # fmt: skip
    """What records state, folded; birth dates as YYYY-MM-DD. Values without a letter, and dates
    that stand for "unknown", are left out.
    """
    dates = {date for date in birth_dates if not date.endswith(_UNKNOWN_DAY)}
    return Person(
        _all_folded(first_names),
        _all_folded(last_names),
        tuple(sorted(dates)),
        tuple(sorted({gender for gender in genders if gender in {"female", "male"}})),
    )


def merged(one: Person | None, other: Person | None) -> Person | None:
    """What records of both state: of several values the most similar ones are compared."""
    if one is None or other is None:
        return one or other
    return Person(
        *(
            tuple(sorted({*getattr(one, name), *getattr(other, name)}))
            for name in ("first_names", "last_names", "birth_dates", "genders")
        )
    )


def _all_folded(names: Collection[str]) -> tuple[str, ...]:
    return tuple(sorted({folded for name in names if (folded := fold(name))}))


@lru_cache(maxsize=1 << 16)
def fold(name: str) -> str:
    """A name in lower case without accents, titles and punctuation; parts are separated by a
    space.
    """
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss").replace("ø", "o").lower())
    kept = "".join(
        one if one.isalpha() else "" if one in "'’" or unicodedata.combining(one) else " "
        for one in plain.replace("ł", "l")
    )
    parts = [part for part in kept.split() if part not in _TITLES]
    return " ".join(parts)


@lru_cache(maxsize=1 << 18)
def difference(one: Person, other: Person) -> str | None:
    """Why the two cannot be one person: ``birth_date`` or ``name``; None if they can.

    Different birth dates decide, if they are no typo of each other. Names decide if the first names
    differ, or are only alike while the last names or genders differ. One first name with two last
    names is a marriage. With one birth date the first and the last names must differ: a second
    given name is more frequent than twins with one address.
    """
    dates = _best(one.birth_dates, other.birth_dates, _compared_dates)
    if dates == _DIFFERENT:
        return BIRTH_DATE
    first = _best(one.first_names, other.first_names, _compared_first)
    if first in (None, _SAME) or _is_swapped(one, other):
        return None
    last = _best(one.last_names, other.last_names, _compared_last)
    if _best(one.genders, other.genders, _compared_exactly) == _DIFFERENT:
        return NAME
    if first == _DIFFERENT and dates != _SAME:
        return NAME
    is_typo = first == _NEAR and dates == _SAME
    return NAME if last == _DIFFERENT and not is_typo else None


def _best(
    ones: Collection[str], others: Collection[str], compared: Callable[[str, str], int | None]
) -> int | None:
    """The likeness of the two values that are most alike; None if none can be compared."""
    found = [compared(one, other) for one, other in product(ones, others)]
    known = [likeness for likeness in found if likeness is not None]
    # What cannot be compared may be the same.
    return max(known) if known and len(known) == len(found) else None


def _compared_exactly(one: str, other: str) -> int:
    return _SAME if one == other else _DIFFERENT


@lru_cache(maxsize=1 << 16)
def _compared_dates(one: str, other: str) -> int:
    if one == other:
        return _SAME
    is_swapped = one[:4] == other[:4] and one[5:7] == other[8:10] and one[8:10] == other[5:7]
    is_typo = jellyfish.damerau_levenshtein_distance(one, other) == 1
    return _NEAR if is_swapped or is_typo else _DIFFERENT


@lru_cache(maxsize=1 << 16)
def _compared_first(one: str, other: str) -> int | None:
    return _compared_names(one, other, is_nickname)


@lru_cache(maxsize=1 << 16)
def _compared_last(one: str, other: str) -> int | None:
    return _compared_names(one, other, lambda _one, _other: False)


def _compared_names(one: str, other: str, is_familiar: Callable[[str, str], bool]) -> int | None:
    """One part in common is enough: second given names and double-barrelled last names."""
    if one == other or one.replace(" ", "") == other.replace(" ", ""):
        return _SAME
    if _script(one) != _script(other):
        return None
    pairs = list(product(one.split(), other.split()))
    if any(a == b or _is_initial(a, b) or is_familiar(a, b) for a, b in pairs):
        return _SAME
    return _NEAR if any(_is_alike(a, b) for a, b in [(one, other), *pairs]) else _DIFFERENT


def _is_initial(one: str, other: str) -> bool:
    return min(len(one), len(other)) == 1 and one[0] == other[0]


def _is_alike(one: str, other: str) -> bool:
    """Whether two spellings are one name with a typo or another transliteration."""
    if min(len(one), len(other)) < 3:
        return False
    if jellyfish.jaro_winkler_similarity(one, other) >= _ALIKE:
        return True
    if min(len(one), len(other)) > 3 and jellyfish.damerau_levenshtein_distance(one, other) == 1:
        return True
    return _is_one_sound(_sound(one), _sound(other))


def _is_one_sound(one: str, other: str) -> bool:
    if jellyfish.jaro_winkler_similarity(one, other) >= _ALIKE:
        return True
    frames = [_VOWELS.sub("", name) for name in (one, other)]
    return len(frames[0]) >= _LEAST_CONSONANTS and frames[0] == frames[1]


@lru_cache(maxsize=1 << 16)
def _sound(name: str) -> str:
    for pattern, sound in _SOUNDS:
        name = pattern.sub(sound, name)
    return name


@lru_cache(maxsize=1 << 16)
def _script(name: str) -> str:
    """The script of the first letter, as the name of the character begins: LATIN, CYRILLIC."""
    return unicodedata.name(name[0], "").partition(" ")[0]


def _is_swapped(one: Person, other: Person) -> bool:
    """Whether the first name of one is the last name of the other, both ways."""
    return any(
        _compared_last(first, last) and _compared_last(other_first, other_last)
        for first, last in product(one.first_names, other.last_names)
        for other_first, other_last in product(other.first_names, one.last_names)
    )
