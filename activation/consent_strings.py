"""Decodes what consent banners write: TCF strings (IAB Europe) and GPP strings (IAB Tech Lab) into decisions.

A purpose of ours is granted where every TCF purpose it needs was consented to, and denied where one was not. Of GPP
the sections of TCF, of the US national text and of the old US privacy text are read: an opt-out of sale, sharing or
targeted advertising, or a browser's own signal, denies advertising; they never grant. A string that cannot be read
decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
# TCF purposes: 1 store and read, 2 basic advertising, 3 and 4 profile and use it for advertising, 5 and 6 for content,
# 7 to 9 measure.
NEEDED = {"advertising": {1, 3, 4}, "personalization": {1, 5, 6}, "analytics": {1, 7, 8, 9}}
TCF_SECTION, US_PRIVACY, US_NATIONAL = 2, 6, 7
US_STATES = range(7, 28)
EPOCH = datetime(1970, 1, 1)


class Unreadable(ValueError):
    """The string is not what it seems."""


@dataclass(frozen=True)
class Tcf:
    """The core of a TCF string. updated_at: naive UTC."""

    version: int
    updated_at: datetime
    cmp_id: int
    policy: int
    is_service_specific: bool
    purposes: frozenset[int]
    vendors: frozenset[int]


class _Bits:
    def __init__(self, text: str) -> None:
        try:
            self._bits = "".join(f"{ALPHABET.index(c):06b}" for c in text)
        except ValueError:
            raise Unreadable("a letter that is not of the alphabet") from None
        self._place = 0

    def number(self, width: int) -> int:
        part = self._bits[self._place : self._place + width]
        if len(part) < width:
            raise Unreadable("the string ends too early")
        self._place += width
        return int(part, 2)

    def flags(self, width: int) -> frozenset[int]:
        return frozenset(i for i in range(1, width + 1) if self.number(1))

    def fibonacci(self) -> int:
        total, (one, two), last = 0, (1, 2), 0
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
    for width in (12, 6, 12, 12):  # version of the CMP, screen, language, version of the vendor list
        bits.number(width)
    policy, is_specific = bits.number(6), bool(bits.number(1))
    bits.number(1 + 12)
    purposes = bits.flags(24)
    bits.number(24 + 1 + 12)
    return Tcf(version, updated, cmp_id, policy, is_specific, purposes, frozenset(_vendors(bits)))


def _vendors(bits: _Bits) -> Iterator[int]:
    most = bits.number(16)
    if not bits.number(1):
        yield from bits.flags(most)
        return
    for _ in range(bits.number(12)):
        is_range, first = bits.number(1), bits.number(16)
        yield from range(first, (bits.number(16) if is_range else first) + 1)


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


def decisions(text: str) -> dict[str, str]:
    """Purpose to granted or denied, as the string says; {} where it cannot be read."""
    try:
        return _of_gpp(gpp(text)) if text.strip().startswith("D") else _of_tcf(tcf(text))
    except Unreadable:
        return {}


def _of_tcf(found: Tcf) -> dict[str, str]:
    if not found.is_service_specific:  # consent for other sites than this one is none
        return dict.fromkeys(NEEDED, "denied")
    return {purpose: "granted" if needed <= found.purposes else "denied" for purpose, needed in NEEDED.items()}


def _of_gpp(sections: dict[int, str]) -> dict[str, str]:
    decided = _of_tcf(tcf(sections[TCF_SECTION])) if TCF_SECTION in sections else {}
    opted_out = sections.get(US_PRIVACY, "")[2:3].upper() == "Y"
    opted_out |= any(_opts_out(sections[name], name) for name in US_STATES if name in sections)
    return {**decided, **({"advertising": "denied"} if opted_out else {})}


def _opts_out(section: str, name: int) -> bool:
    core, _, rest = section.partition(".")
    gpc = _Bits(rest) if rest else None
    if gpc is not None and gpc.number(2) == 1 and gpc.number(1):
        return True
    if name != US_NATIONAL:  # the fields of each state's text stand elsewhere: its browser signal alone is read
        return False
    bits = _Bits(core)
    bits.number(6 + 2 * 6)
    return any(bits.number(2) == 1 for _ in range(3))
