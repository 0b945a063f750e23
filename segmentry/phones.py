"""Telephone numbers in E.164, read with Google's libphonenumber."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache

from segmentry import nobody, places
from segmentry.spelling import clean, shown_power, whole_number, without_controls

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_LABEL = re.compile(
    r"^(?:(?:tel|telephone|telefon|phone|mobile?|handy|cell|whatsapp|sms|wa|fon|m|t|p)\s*[.:]+\s*)+",
    re.IGNORECASE,
)
_EXTENSION = re.compile(
    r"(?:;ext=|;isub=|\b(?:ext|extn|extension|durchwahl|dw|app|x)\b\.?|#|(?<=[0-9])\s*x(?=\s*[0-9]))",
    re.IGNORECASE,
)
# Digits, and what people write between them.
_WRITTEN = re.compile(r"\+?[0-9 ()\[\]./\\\u2010-\u2015\u2212~-]+")
_NATIONAL = re.compile(r"\(?0[1-9][0-9 ()/.-]*[0-9]")
_DIGITS = re.compile(r"\D")
# Shortest number without a plus that is read as an international one: fewer digits are a national
# one.
_INTERNATIONAL = 10
_OWN_INTERNATIONAL = 11
_WALKS = "01234567890123456789", "98765432109876543210"


def judge(value: str, country: str | None) -> tuple[str | None, str | None]:
    """The number in E.164, or the reason it is refused. country: how to read a national one (code
    or name).
    """
    if number := _quick(value) or _quick_national(value, country):
        digits = _DIGITS.sub("", value)
        return (None, "placeholder") if _is_nobody(number, digits) else (number, None)
    return judge_carefully(value, country)


def judge_carefully(value: str, country: str | None) -> tuple[str | None, str | None]:
    """What ``judge`` returns, for any text."""
    text = _bare(value)
    if not text:
        return None, "empty"
    text, is_lost = whole_number(text)
    if is_lost:
        return None, "lost_digits"
    if _EXTENSION.search(text):
        return (
            None,
            "has_an_extension",
        )  # it names one of many people behind a number, and E.164 has no place for it
    if not _WRITTEN.fullmatch(text):
        return None, "placeholder" if nobody.is_residue(text) else "not_a_valid_phone"
    digits = _DIGITS.sub("", text)
    if len(digits) > 2 and len(set(digits)) == 1:
        return None, "placeholder"
    number = _read(text, digits, region_of(country))
    if number is None:
        return None, "placeholder" if is_walk(digits) else "not_a_valid_phone"
    return (None, "placeholder") if _is_nobody(number, digits) else (number, None)


def loose_keys(value: str) -> tuple[str, ...]:
    """The last seven digits, which a local number has; of a number that lost digits what is left of
    it.

    The latter meets no whole number: some hundred thousand people may be meant.
    """
    text = _bare(without_controls(value))
    if shown := shown_power(text):
        return (f"power:{shown}",)
    digits = _DIGITS.sub("", _EXTENSION.split(whole_number(text)[0].replace("(0)", ""))[0])
    return (f"end:{digits[-7:]}",) if digits else ()


def is_walk(digits: str) -> bool:
    """Whether digits only go up or down by one: 1234567890."""
    return len(digits) > 4 and any(digits in walk for walk in _WALKS)


def _bare(value: str) -> str:
    text = clean(value).removeprefix("'")
    if not text.isascii():
        text = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)
    return _LABEL.sub("", text).replace("tel:", "").strip()


def _is_nobody(number: str, digits: str) -> bool:
    national = national_part(number)
    return len(set(national)) == 1 or is_walk(national) or is_walk(digits)


def national_part(number: str) -> str:
    """The digits of an E.164 number behind its calling code; any other text as it is."""
    if not _E164.fullmatch(number):
        return number
    codes = _calling_codes()
    length = next((size for size in (1, 2, 3) if int(number[1 : 1 + size]) in codes), 0)
    return number[1 + length :]


def _read(text: str, digits: str, region: str | None) -> str | None:
    if text.startswith("+"):
        return _quick(text) or _parsed(text, None)
    if digits.startswith("00"):
        return _quick("+" + digits[2:]) or _parsed("+" + digits[2:], None)
    if region is None:
        return None
    national = _parsed(text, region)
    prefix = _trunk_prefix(region)
    if prefix and digits.startswith(prefix):
        return national
    return _chosen(national, digits, region)


def _chosen(national: str | None, digits: str, region: str) -> str | None:
    """Digits without a plus and without a trunk prefix: a national number, or an international one
    (WhatsApp, Twilio).

    Where both can be, the country's own calling code speaks for the latter and a mobile number for
    the former; else the number is refused, for nothing is guessed.
    """
    if len(digits) < _INTERNATIONAL:
        return national
    is_own = digits.startswith(_calling_code(region))
    whole = _valid("+" + digits)
    if national is None or whole is None or whole == national:
        return national if whole is None and not (is_own and _has_trunk_prefix(region)) else whole
    if is_own:
        return whole if len(digits) >= _OWN_INTERNATIONAL else None
    return national if _is_mobile(national) else None


def _quick(text: str) -> str | None:
    """What ``_parsed`` returns for plain E.164, in a hundredth of the time; None where it has to be
    asked.
    """
    if not _E164.fullmatch(text):
        return None
    for size in (1, 2, 3):
        if known := _calling_codes().get(int(text[1 : 1 + size])):
            lengths, prefix = known
            national = text[1 + size :]
            is_plain = (
                prefix is not None
                and national[0] != "0"
                and not (prefix and national.startswith(prefix))
            )
            return text if is_plain and len(national) in lengths else None
    return None


def _quick_national(text: str, country: str | None) -> str | None:
    """The same for a national number with the trunk prefix 0."""
    if not country or not _NATIONAL.fullmatch(text):
        return None
    region = region_of(country)
    rule = _national_rule(region) if region else None
    if rule is None:
        return None
    code, lengths, foreign = rule
    digits = _DIGITS.sub("", text)
    if len(digits) - 1 not in lengths or foreign.match(digits):
        return None
    return _fitting(f"+{code}{digits[1:]}")


@cache
def _national_rule(region: str) -> tuple[str, frozenset[int], re.Pattern[str]] | None:
    """Calling code, lengths and international prefix of a country whose trunk prefix is 0 and
    nothing else.
    """
    import phonenumbers

    data = phonenumbers.PhoneMetadata.metadata_for_region(region, None)
    if (
        data is None
        or data.national_prefix_for_parsing != "0"
        or data.national_prefix_transform_rule
    ):
        return None
    description = data.general_desc
    code = data.country_code or 0
    if description is None or data.id != phonenumbers.region_code_for_country_code(code):
        return None
    if any(
        re.fullmatch(description.national_number_pattern or "", "0" + "1" * n) for n in range(4, 15)
    ):
        return None
    lengths = frozenset(description.possible_length)
    return str(data.country_code), lengths, re.compile(data.international_prefix or "(?!)")


def _parsed(text: str, region: str | None) -> str | None:
    import phonenumbers

    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if (
        phonenumbers.is_possible_number_with_reason(number)
        != phonenumbers.ValidationResult.IS_POSSIBLE
    ):
        return None
    return _fitting(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _fitting(number: str) -> str | None:
    return number if _E164.fullmatch(number) else None


def _valid(text: str) -> str | None:
    import phonenumbers

    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return _fitting(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _is_mobile(number: str) -> bool:
    import phonenumbers

    kinds = phonenumbers.PhoneNumberType
    kind = phonenumbers.number_type(phonenumbers.parse(number))
    return kind in {kinds.MOBILE, kinds.FIXED_LINE_OR_MOBILE}


@lru_cache(maxsize=4096)
def region_of(country: str | None) -> str | None:
    """The alpha-2 code of a country (code or name) or of a part of it (``US-CA``) that has phone
    numbers, or None.
    """
    import phonenumbers

    if not country:
        return None
    code = country.strip().upper()
    head = code[:2] if code[2:3] == "-" else code
    if head in phonenumbers.SUPPORTED_REGIONS:
        return head
    known = places.country_code(country)
    return known if known in phonenumbers.SUPPORTED_REGIONS else None


@cache
def _trunk_prefix(region: str) -> str | None:
    import phonenumbers

    prefix: str | None = phonenumbers.ndd_prefix_for_region(region, True)
    return prefix


@cache
def _has_trunk_prefix(region: str) -> bool:
    return _trunk_prefix(region) == "0"


@cache
def _calling_code(region: str) -> str:
    import phonenumbers

    return str(phonenumbers.country_code_for_region(region))


@cache
def _calling_codes() -> dict[int, tuple[frozenset[int], str | None]]:
    """Calling code to the lengths of its numbers and its trunk prefix ('' for none, None for one
    that is a pattern).
    """
    import phonenumbers

    found: dict[int, tuple[frozenset[int], str | None]] = {}
    for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
        region = phonenumbers.region_code_for_country_code(code)
        if region == "001":
            data = phonenumbers.PhoneMetadata.metadata_for_nongeo_region(code, None)
        else:
            data = phonenumbers.PhoneMetadata.metadata_for_region(region, None)
        description = data.general_desc if data else None
        lengths = frozenset(description.possible_length) if description else frozenset()
        prefix = (data.national_prefix_for_parsing or "") if data else None
        found[code] = lengths, prefix if prefix is None or prefix.isdigit() or not prefix else None
    return found
