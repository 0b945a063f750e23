"""Decodes what consent banners write: consent objects of events, TCF strings (IAB Europe), GPP
strings (IAB Tech Lab).

A purpose of ours is granted where every TCF purpose it needs was consented to, and denied where one
was not; advertising also needs the consent to each vendor that the policy names. Of GPP the section
of TCF, that of Canada and those of the United States are read. Canada: a purpose is granted where
each part has express consent, denied where one has no consent at all, and left open where consent
is implied alone. United States: an opt-out of sale, sharing or targeted advertising, or a browser's
own signal, denies advertising; they never grant. A string that cannot be read decides nothing and
is reported.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

# TCF purposes: 1 store and read, 2 basic advertising, 3 and 4 profile and use it for advertising, 5
# and 6 for content, 7 to 9 measure.
NEEDED = {"advertising": {1, 3, 4}, "personalization": {1, 5, 6}, "analytics": {1, 7, 8, 9}}
TCF_SECTION = 2
CANADA = 5
US_PRIVACY = 6
# The version of a section of Canada: encoders wrote 2 before they wrote 1, in one layout.
CANADIAN = (1, 2)
# Section of the United States to its numbers of notices and of the opt-outs behind them, two bits
# each.
US_SECTIONS = {
    7: (6, 3),
    11: (4, 2),
    18: (4, 2),
    **dict.fromkeys((8, 9, 10, 12, 13, 14, 15, 16, 17, 19, 20, 21, 22, 23), (3, 2)),
}
US_LATER = range(
    24, 64
)  # sections whose layout is not known here: there is one, so it counts as a refusal
EPOCH = datetime(1970, 1, 1)
CATEGORIES = {
    "marketing": "marketing", "analytics": "analytics", "advertising": "advertising",
    "targetedadvertising": "advertising", "personalization": "personalization",
    "personalisation": "personalization", "profiling": "profiling",
}  # fmt: skip
STRINGS = frozenset(
    {"tcstring", "tcf", "tcfstring", "gdprconsent", "gppstring", "gpp", "uspstring", "usprivacy"}
)
WORDS = {**dict.fromkeys(("true", "t", "yes", "y", "1", "granted"), True),
         **dict.fromkeys(("false", "f", "no", "n", "0", "denied"), False)}  # fmt: skip


class Unreadable(ValueError):
    """The string is not what it seems."""


@dataclass(frozen=True)
class Answer:
    """The decision of a text on one purpose. stated_in: the kind of text. stated_at: the latest
    possible time of a grant; None if the text has no time.
    """

    purpose: str
    is_granted: bool
    stated_in: str
    stated_at: datetime | None = None


@dataclass(frozen=True)
class Tcf:
    """The core of a TCF string. updated_at: naive UTC. vendors: ids of the Global Vendor List that
    were consented to.
    """

    version: int
    updated_at: datetime
    cmp_id: int
    policy: int
    is_service_specific: bool
    purposes: frozenset[int]
    vendors: frozenset[int]


@dataclass(frozen=True)
class CanadianTcf:
    """The core of a TCF section of Canada. updated_at: naive UTC. Purposes and vendors with express
    consent, and with implied consent.
    """

    updated_at: datetime
    express: frozenset[int]
    implied: frozenset[int]
    express_vendors: frozenset[int]
    implied_vendors: frozenset[int]


class _Bits:
    def __init__(self, text: str) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]*", text):
            raise Unreadable("a letter that is not of the alphabet")
        padded = text + "A" * (-len(text) % 4)
        whole = int.from_bytes(base64.urlsafe_b64decode(padded), "big")
        self._value = whole >> 6 * (len(padded) - len(text))
        self._left = 6 * len(text)

    def number(self, width: int) -> int:
        if self._left < width:
            raise Unreadable("the string ends too early")
        self._left -= width
        return self._value >> self._left & (1 << width) - 1

    def flags(self, width: int) -> frozenset[int]:
        packed = self.number(width)
        return frozenset(i for i in range(1, width + 1) if packed >> (width - i) & 1)

    def vendors(self) -> frozenset[int]:
        """Ids of vendors: a bit for each up to the highest, or ranges."""
        highest = self.number(16)
        if not self.number(1):
            return self.flags(highest)
        found: set[int] = set()
        last = 0
        for _ in range(self.number(12)):
            is_range = self.number(1)
            first = self.number(16)
            end = self.number(16) if is_range else first
            if not last < first <= end:
                raise Unreadable("ranges of vendors that are not in order")
            found.update(range(first, end + 1))
            last = end
        return frozenset(found)

    def fibonacci(self) -> int:
        total = 0
        one = 1
        two = 2
        last = 0
        while True:
            bit = self.number(1)
            if bit and last:
                return total
            total += one * bit
            one, two, last = two, one + two, bit


def tcf(text: str) -> Tcf:
    """The core of a TCF string of version 2; raises Unreadable."""
    bits = _Bits(text.strip().partition(".")[0])
    version = bits.number(6)
    if version != 2:
        raise Unreadable(f"version {version}")
    bits.number(36)
    updated = EPOCH + timedelta(milliseconds=100 * bits.number(36))
    cmp_id = bits.number(12)
    bits.number(
        12 + 6 + 12 + 12
    )  # version of the CMP, screen, language, version of the vendor list
    policy = bits.number(6)
    is_specific = bool(bits.number(1))
    bits.number(1 + 12)
    purposes = bits.flags(24)
    bits.number(24 + 1 + 12)
    vendors = bits.vendors()  # a string that ends before them was cut off
    return Tcf(version, updated, cmp_id, policy, is_specific, purposes, vendors)


def canada(text: str) -> CanadianTcf:
    """The core of GPP's section of Canada (tcfcav1); raises Unreadable.

    Its layout is that of IAB Tech Lab's "GPP Extension: IAB Canada TCF": other than in Europe, no
    bit states that it is for this site, consent is express or implied, and purpose 1 is not used.
    """
    bits = _Bits(text.strip().partition(".")[0])
    version = bits.number(6)
    if version not in CANADIAN:
        raise Unreadable(f"version {version}")
    bits.number(36)
    updated = EPOCH + timedelta(milliseconds=100 * bits.number(36))
    bits.number(12 + 12 + 6 + 12 + 12 + 6)  # CMP, its version, screen, language, lists and policy
    bits.number(1 + 12)
    express = bits.flags(24)
    implied = bits.flags(24)
    return CanadianTcf(updated, express, implied, bits.vendors(), bits.vendors())


def gpp(text: str) -> dict[int, str]:
    """Section id to section of a GPP string; raises Unreadable."""
    header, *sections = text.strip().split("~")
    bits = _Bits(header)
    if (bits.number(6), bits.number(6)) != (3, 1):
        raise Unreadable("no header of a GPP string")
    ids: list[int] = []
    last = 0
    for _ in range(bits.number(12)):
        is_group = bits.number(1)
        first = last + bits.fibonacci()
        last = first + bits.fibonacci() if is_group else first
        ids += range(first, last + 1)
    if len(ids) != len(sections):
        raise Unreadable("the header names other sections than there are")
    return dict(zip(ids, sections, strict=True))


def read(text: str, vendors: Collection[int] = ()) -> list[Answer]:
    """The answers of a TCF, GPP or US privacy string; raises Unreadable.

    vendors: ids of the Global Vendor List without which advertising is denied.
    """
    text = text.strip()
    if re.fullmatch(r"1[YNyn-]{3}", text):
        return _of_us_privacy(text)
    is_gpp = text.startswith("D")
    return _of_gpp(gpp(text), vendors) if is_gpp else _of_tcf(tcf(text), vendors)


def decisions(text: str, vendors: Collection[int] = ()) -> dict[str, str]:
    """Purpose to granted or denied, as the string states; {} if it cannot be read."""
    try:
        return {
            answer.purpose: "granted" if answer.is_granted else "denied"
            for answer in _merged(read(text, vendors))
        }
    except Unreadable:
        return {}


def answers(text: str, vendors: Collection[int] = ()) -> tuple[list[Answer], int]:
    """The answers of an event's consent object (JSON), or of a string by itself, and the number of
    strings that could not be read.

    Where its parts differ on a purpose the refusal counts. vendors: as ``read`` has them.
    """
    found: list[Answer] = []
    unreadable = 0
    for part in _parts(text):
        if isinstance(part, Answer):
            found.append(part)
            continue
        try:
            found += read(part, vendors)
        except Unreadable:
            unreadable += 1
    return _merged(found), unreadable


def _parts(text: str) -> Iterator[Answer | str]:
    if not text.lstrip().startswith("{"):
        yield text
        return
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return
    yield from _parts_of(content, 0)


def _parts_of(content: dict[str, Any], depth: int) -> Iterator[Answer | str]:
    for key, value in content.items():
        name = re.sub(r"[^a-z]", "", key.lower())
        if isinstance(value, dict):
            if name == "categorypreferences":
                yield from _of_categories(value)
            elif depth < 3:  # a text that is nested deeper is no consent object
                yield from _parts_of(value, depth + 1)
        elif name in STRINGS and isinstance(value, str) and value.strip():
            yield value


def _of_categories(preferences: dict[str, Any]) -> Iterator[Answer]:
    for key, value in preferences.items():
        purpose = CATEGORIES.get(re.sub(r"[^a-z]", "", key.lower()))
        is_granted = WORDS.get(str(value).strip().lower())
        if purpose is not None and is_granted is not None:
            yield Answer(purpose, is_granted, "categories")


def _merged(found: list[Answer]) -> list[Answer]:
    merged: dict[str, Answer] = {}
    for answer in found:
        earlier = merged.get(answer.purpose)
        if earlier is None or _weight(answer) < _weight(earlier):
            merged[answer.purpose] = answer
    return list(merged.values())


def _weight(answer: Answer) -> tuple[bool, datetime]:
    return answer.is_granted, answer.stated_at or datetime.max


def _of_tcf(found: Tcf, vendors: Collection[int]) -> list[Answer]:
    # Consent for other sites than this one is none.
    given = found.purposes if found.is_service_specific else frozenset()
    stated = _latest(found.updated_at)
    missing = {"advertising"} if not found.vendors.issuperset(vendors) else set()
    return [
        Answer(purpose, needed <= given and purpose not in missing, "tcf", stated)
        for purpose, needed in NEEDED.items()
    ]


def _of_canada(section: str, vendors: Collection[int]) -> list[Answer]:
    """Express consent grants, no consent denies. A section that cannot be read denies, as those of
    the United States do: there is one, and nobody knows what it refuses.
    """
    try:
        found = canada(section)
    except Unreadable:
        return [Answer("advertising", False, "gpp")]
    stated = _latest(found.updated_at)
    either = found.express | found.implied
    vendor_either = found.express_vendors | found.implied_vendors
    decided = []
    for purpose, in_europe in NEEDED.items():
        needed = in_europe - {1}
        wanted = frozenset(vendors if purpose == "advertising" else ())
        if not (needed <= either and wanted <= vendor_either):
            decided.append(Answer(purpose, False, "gpp", stated))
        elif needed <= found.express and wanted <= found.express_vendors:
            decided.append(Answer(purpose, True, "gpp", stated))
    return decided


def _latest(stated: datetime) -> datetime:
    """The latest time of a decision: newer strings are rounded to the day, at some time of which it
    was made.
    """
    is_rounded = stated.time() == time()
    return stated + timedelta(days=1, microseconds=-1) if is_rounded else stated


def _of_gpp(sections: dict[int, str], vendors: Collection[int]) -> list[Answer]:
    decided = _of_tcf(tcf(sections[TCF_SECTION]), vendors) if TCF_SECTION in sections else []
    if CANADA in sections:
        decided += _of_canada(sections[CANADA], vendors)
    decided += _of_us_privacy(sections.get(US_PRIVACY, ""))
    for name, section in sections.items():
        if name in US_LATER or (name in US_SECTIONS and _opts_out(section, *US_SECTIONS[name])):
            decided.append(Answer("advertising", False, "gpp"))
    return decided


def _of_us_privacy(text: str) -> list[Answer]:
    return [Answer("advertising", False, "us_privacy")] if text[2:3].upper() == "Y" else []


def _opts_out(section: str, notices: int, opt_outs: int) -> bool:
    """Whether a section of the United States is a refusal; one that cannot be read is taken for
    one.
    """
    try:
        return _is_opted_out(section, notices, opt_outs)
    except Unreadable:
        return True


def _is_opted_out(section: str, notices: int, opt_outs: int) -> bool:
    core, _, rest = section.partition(".")
    gpc = _Bits(rest) if rest else None
    if gpc is not None and gpc.number(2) == 1 and gpc.number(1):
        return True
    bits = _Bits(core)
    bits.number(6 + 2 * notices)
    return any(bits.number(2) == 1 for _ in range(opt_outs))
