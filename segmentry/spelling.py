"""What all identifier types share: characters that nobody sees, and numbers that were floats."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# Unicode's default ignorable characters that are not of category Cf, and the blank of Braille: they
# show nothing.
_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | frozenset(
    chr(code) for code in (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))
)
# Full-width forms of ASCII, which an East Asian keyboard writes. No system has two people whose
# identifiers differ only in them.
_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_PLAIN = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_ENDS = "".join(map(chr, (*range(0x21), *range(0x7F, 0xA0))))
_FLOAT = re.compile(r"(-?(?:0|[1-9][0-9]*))\.0*")
_POWER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]*))?[eE]([+-]?)([0-9]{1,3})")
# From here on two whole numbers may have the same float.
_EXACT_BELOW = 2**53
# Programs that write the shortest text of a double change to powers here (ECMA-404 has no rule;
# yyjson, Python: 16).
_SHORT_POWER = 15


def clean(text: str) -> str:
    """The text without what nobody sees: format characters, outer spaces and controls; in NFC,
    ASCII in one width.

    NFC and not NFKC: the latter would make one of two mailboxes that differ, as by a ligature.
    Inner spaces are plain ones; inner controls stay, for the caller to refuse.
    """
    if _PLAIN.fullmatch(text):
        return text
    seen = "".join(c for c in text if unicodedata.category(c) != "Cf" and c not in _UNSEEN)
    composed = unicodedata.normalize("NFC", unicodedata.normalize("NFC", seen).translate(_WIDE))
    spaced = "".join(" " if unicodedata.category(c) in {"Zs", "Zl", "Zp"} else c for c in composed)
    return spaced.strip(_ENDS)


def has_controls(text: str) -> bool:
    """Whether a control character (C0, DEL, C1) is in the text."""
    return _CONTROL.search(text) is not None


def without_controls(text: str) -> str:
    """The text without its control characters."""
    return _CONTROL.sub("", text)


@lru_cache(maxsize=4096)
def whole_number(text: str) -> tuple[str, bool]:
    """The whole number that a program or spreadsheet wrote as a float, and whether digits were
    lost.

    ``110011.0`` is 110011. A number of 2^53 or more has lost digits in a float (IEEE 754), a power
    (``4.91716E+11``) those that it does not show. ``1e15`` is how programs write a double that is
    just that number. Text that no program writes for a whole number stays: ``00110011.0``,
    ``110011.5``, ``12e4`` (which may be hexadecimal).
    """
    if found := _FLOAT.fullmatch(text):
        return found[1].replace("-0", "0") if found[1] == "-0" else found[1], abs(
            int(found[1])
        ) >= _EXACT_BELOW
    found = _POWER.fullmatch(text)
    if not found:
        return text, False
    sign, whole, fraction, plus, exponent = found.groups()
    return _of_power(text, sign, (whole, fraction, plus), int(exponent))


def _of_power(
    text: str, sign: str, parts: tuple[str, str | None, str], exponent: int
) -> tuple[str, bool]:
    whole, fraction, plus = parts
    is_short = fraction is None and not plus
    if plus == "-" or len(whole) > 1 or (is_short and exponent < _SHORT_POWER):
        return text, False
    digits = whole + (fraction or "")
    if "e" in text and not plus and exponent >= _SHORT_POWER:
        digits = digits.ljust(exponent + 1, "0")
    if len(digits.rstrip("0")) > exponent + 1:
        return text, False  # a fraction is left
    number = digits[: exponent + 1]
    is_lost = len(number) <= exponent or int(number) >= _EXACT_BELOW
    return sign + (number.lstrip("0") or "0"), is_lost


def shown_power(text: str) -> str | None:
    """Figures and exponent of a number that is written as a power and has lost digits, else
    None.
    """
    found = _POWER.fullmatch(text)
    if not found or not whole_number(text)[1]:
        return None
    return f"{found[2]}{found[3] or ''}e{int(found[5])}"
