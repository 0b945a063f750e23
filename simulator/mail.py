"""The shop's mails: a newsletter every two weeks, a monthly offer to a random half, and what
readers do with them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson

from simulator.arrays import Bools, Ints, Stream, hex_ids, iso
from simulator.life import OPENS
from simulator.shop import DAY_MS, Shop
from simulator.visits import NEWSLETTER, Visits

NEWSLETTER_EVERY = 14
OFFERS_EVERY = 28
OFFER_DAY = 9
OFFER_SHARE = 0.5


@dataclass
class Post:
    """Lines of the day, and lines that belong to later days (a mail is opened up to a day
    after).
    """

    later: dict[int, list[str]] = field(default_factory=dict)
    assignments: list[tuple[int, int, int, bool]] = field(default_factory=list)

    def collect(self, day: int) -> list[str]:
        """The lines that are due on a day, in the order of their times."""
        return sorted(self.later.pop(day, []), key=_occurred_at)


def _occurred_at(line: str) -> str:
    return line.rpartition('"occurred_at":"')[2]


def send(shop: Shop, day: int, post: Post | None) -> None:
    """Send the campaign that is due on this day, if any; without a post only its effects are
    kept.
    """
    is_offer = day % OFFERS_EVERY == OFFER_DAY
    if not is_offer and day % NEWSLETTER_EVERY != 2:
        return
    rng = shop.rng(Stream.mail, day)
    readers = np.flatnonzero(shop.known_email & shop.wants_mail)
    if is_offer:
        treated = rng.random(len(readers)) < OFFER_SHARE
        if post:
            post.assignments += [
                (day, day // OFFERS_EVERY, int(person), bool(has))
                for person, has in zip(readers.tolist(), treated.tolist(), strict=True)
            ]
        readers = readers[treated]
        shop.offered_on[readers] = day
    opens = (
        rng.random(len(readers)) < shop.people.open_rate[readers] * OPENS[shop.life.state[readers]]
    )
    bounced = rng.random(len(readers)) < 0.008
    opens &= ~bounced
    shop.mailed_on[readers] = np.where(bounced, -(10**6), day)
    shop.campaign[readers] = day
    shop.opened[readers] = opens
    shop.clicked[readers] = False
    shop.life.mailed[readers] += 1
    shop.life.opened[readers] += opens
    leaves = opens & (rng.random(len(readers)) < 0.006)
    shop.wants_mail[readers[leaves]] = False
    if post:
        _report(shop, rng, day, post, _Batch(readers, opens, bounced, leaves, is_offer))


@dataclass(frozen=True)
class _Batch:
    readers: Ints
    opens: Bools
    bounced: Bools
    leaves: Bools
    is_offer: bool


def _report(shop: Shop, rng: np.random.Generator, day: int, post: Post, batch: _Batch) -> None:
    size = len(batch.readers)
    sent = shop.midnight(day) + 8 * 3_600_000 + rng.integers(0, 1_800_000, size)
    opened = sent + 60_000 + (rng.exponential(5 * 3_600_000, size)).astype(np.int64)
    opened = np.minimum(opened, sent + 22 * 3_600_000)
    _log(shop, rng, post, "sent", batch.readers, sent, day)
    _log(shop, rng, post, "bounce", batch.readers[batch.bounced], sent[batch.bounced] + 5_000, day)
    arrived = ~batch.bounced
    _log(shop, rng, post, "delivered", batch.readers[arrived], sent[arrived] + 4_000, day)
    _log(shop, rng, post, "open", batch.readers[batch.opens], opened[batch.opens], day)
    spam = batch.leaves & (rng.random(size) < 0.15)
    left = opened + 30_000
    _log(
        shop,
        rng,
        post,
        "unsubscribe",
        batch.readers[batch.leaves & ~spam],
        left[batch.leaves & ~spam],
        day,
    )
    _log(shop, rng, post, "spam_report", batch.readers[spam], left[spam], day)


def _log(
    shop: Shop,
    rng: np.random.Generator,
    post: Post,
    kind: str,
    readers: Ints,
    at: Ints,
    campaign: int,
) -> None:
    name, subject = names(campaign)
    for person, key, stamp, at_ms in zip(
        readers.tolist(), hex_ids(rng, len(readers)), iso(at), at.tolist(), strict=True
    ):
        line = {"event_id": f"em-{key}", "event_type": kind, "email": shop.people.email(person)}
        line |= {
            "campaign_id": f"campaign-{campaign:03d}",
            "campaign_name": name,
            "subject": subject,
        }
        _due(shop, post, at_ms, line | {"occurred_at": stamp})


def _due(shop: Shop, post: Post, at_ms: int, line: dict[str, Any]) -> None:
    day = (at_ms - shop.midnight(0)) // DAY_MS
    post.later.setdefault(day, []).append(orjson.dumps(line).decode())


def names(campaign: int) -> tuple[str, str]:
    """Name and subject of the campaign that was sent on a day."""
    if campaign % OFFERS_EVERY == OFFER_DAY:
        return f"Offer {campaign // OFFERS_EVERY + 1}", "20% off for two weeks"
    return f"Newsletter {campaign // NEWSLETTER_EVERY + 1}", "New in the shop this week"


def clicks(shop: Shop, visits: Visits, starts: Ints, day: int, post: Post) -> None:
    """The clicks that led to visits; a mail that was not yet opened is opened by them."""
    rng = shop.rng(Stream.mail, day + 100_000)
    came = np.flatnonzero(visits.source == NEWSLETTER)
    keys = hex_ids(rng, 2 * len(came))
    times = np.maximum(starts[came] + shop.midnight(day) - 1_500, shop.midnight(day))
    for number, (visit, at_ms, stamp) in enumerate(
        zip(came.tolist(), times.tolist(), iso(times), strict=True)
    ):
        person = int(visits.person[visit])
        campaign = int(shop.campaign[visits.person[visit]])
        name, subject = names(campaign)
        line = {"email": shop.people.email(person), "campaign_id": f"campaign-{campaign:03d}"}
        line |= {"campaign_name": name, "subject": subject, "occurred_at": stamp}
        if not shop.opened[person]:
            shop.opened[person] = True
            _due(
                shop,
                post,
                at_ms,
                {"event_id": f"em-{keys[2 * number]}", "event_type": "open"} | line,
            )
        cookie = shop.devices.cookie(int(visits.device[visit]), int(visits.generation[visit]))
        click = {"link_url": "https://shop.example.com/", "anonymous_id": cookie}
        _due(
            shop,
            post,
            at_ms,
            {"event_id": f"em-{keys[2 * number + 1]}", "event_type": "click"} | click | line,
        )
