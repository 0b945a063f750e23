"""Stable assignment of people to variants: the same in Python, SQL and JavaScript.

Weighted rendezvous hashing (Thaler and Ravishankar 1998; weights by Schindelhauer and Schomaker
2005): each variant gets a score from a hash of salt, variant and person, and the lowest wins. When
a weight grows, people move into that variant and nowhere else. assignment.js has the same for
browsers.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping

_RANGE = 4294967296.0


def share(text: str) -> float:
    """A number above 0 and below 1 that depends on the text alone: 32 bits of MD5."""
    digest = hashlib.md5(text.encode("utf-8"), usedforsecurity=False).hexdigest()
    return (int(digest[:8], 16) + 0.5) / _RANGE


def share_sql(text: str) -> str:
    """SQL of ``share``; text is an SQL expression."""
    return f"((cast('0x' || substr(md5({text}), 1, 8) as bigint) + 0.5) / {_RANGE:.1f})"


def variant(salt: str, weights: Mapping[str, float], unit: str) -> str:
    """The variant of a unit; of equal scores the first by name. A weight of 0 gets nobody."""
    scores = [
        (-math.log(share(f"{salt}:{name}:{unit}")) / weight, name)
        for name, weight in sorted(weights.items())
        if weight > 0
    ]
    return min(scores)[1]


def variant_sql(salt: str, weights: Mapping[str, float], unit: str) -> str:
    """SQL of ``variant``; unit is an SQL expression, salt and names are plain words."""
    scores = ", ".join(
        "struct_pack(score := -ln("
        + share_sql(f"'{salt}:{name}:' || {unit}")
        + f") / {float(weight)!r}, name := '{name}')"
        for name, weight in sorted(weights.items())
        if weight > 0
    )
    return f"list_min([{scores}]).name"


def is_within(layer: str, begin: float, end: float, unit: str) -> bool:
    """Whether a unit is in the part from begin up to end of a layer."""
    return begin <= share(f"layer:{layer}:{unit}") < end


def within_sql(layer: str, begin: float, end: float, unit: str) -> str:
    """SQL of ``is_within``."""
    place = share_sql(f"'layer:{layer}:' || {unit}")
    return f"({place} >= {begin!r} and {place} < {end!r})"
