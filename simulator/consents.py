"""Consent decisions: given or denied at sign-up, some withdrawn later, under several laws."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.arrays import Ints, Stream, iso
from simulator.places import PLACES
from simulator.shop import DAY_MS, Shop

HEADER = (
    "consent_id", "identifier_type", "identifier", "purpose", "channel", "status", "jurisdiction",
    "occurred_at",
    "source", "proof",
)  # fmt: skip
WITHDRAWALS = 0.0004  # chance per person and day of withdrawing marketing


def given(shop: Shop, people: Ints, day: int, midnights: Ints) -> list[Sequence[str]]:
    """The decisions of people who sign up on a day, one row per purpose."""
    rng = shop.rng(Stream.consents, day)
    rows: list[Sequence[str]] = []
    stamps = iso(midnights + rng.integers(0, DAY_MS - 1000, len(people)))
    for person, stamp in zip(people.tolist(), stamps, strict=True):
        traits = shop.people
        answers = (
            ("marketing", "email", traits.likes_marketing[person]),
            ("analytics", "any", traits.likes_analytics[person]),
            ("personalization", "any", traits.likes_personalization[person]),
            ("advertising", "ads", traits.likes_marketing[person] and person % 3 > 0),
        )
        for purpose, channel, likes in answers:
            kind = (
                ("email", shop.people.email(person))
                if purpose == "marketing"
                else ("user_id", traits.user_id(person))
            )
            rows.append(
                _row(shop, person, kind, purpose, channel, "granted" if likes else "denied", stamp)
            )
    return rows


def withdrawn(shop: Shop, day: int, *, written: bool) -> list[Sequence[str]]:
    """Those who withdraw marketing consent on a day; from then on no mail is sent to them."""
    rng = shop.rng(Stream.consents, day + 100_000)
    leaves = shop.registered & shop.wants_mail & (rng.random(len(shop.people)) < WITHDRAWALS)
    people = np.flatnonzero(leaves)
    shop.wants_mail[people] = False
    if not written:
        return []
    stamps = iso(shop.midnight(day) + rng.integers(0, DAY_MS // 3, len(people)))
    return [
        _row(
            shop,
            person,
            ("email", shop.people.email(person)),
            "marketing",
            "email",
            "withdrawn",
            stamp,
        )
        for person, stamp in zip(people.tolist(), stamps, strict=True)
    ]


def _row(
    shop: Shop,
    person: int,
    kind: tuple[str, str],
    purpose: str,
    channel: str,
    status: str,
    stamp: str,
) -> Sequence[str]:
    place = PLACES[int(shop.people.place[person])]
    source = "preference_center" if status == "withdrawn" else "sign_up_form"
    key = f"cs-{person:07d}-{purpose}-{status}"
    return (
        key,
        *kind,
        purpose,
        channel,
        status,
        place.jurisdiction,
        stamp,
        source,
        f"form-v{1 + person % 3}",
    )
