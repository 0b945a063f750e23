"""Visits expanded to events: what happens in a visit, in which order and when."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from simulator import catalogue
from simulator.arrays import Bools, Floats, Ints, Stream
from simulator.personas import column
from simulator.shop import DAY_MS, Shop
from simulator.visits import NEWSLETTER, SIGN_UP, Visits


class Step(IntEnum):
    """What one event is; within a visit events follow in this order, and views in the order of
    `place`.
    """

    email_click = 0
    entry_page = 1
    signed_in = 2
    signed_up = 3
    identify = 4
    alias = 5
    account_page = 6
    pricing_page = 7
    demo = 8
    newsletter = 9
    category_page = 10
    search = 11
    product_page = 12
    product_viewed = 13
    added = 14
    removed = 15
    cart_page = 16
    cart_viewed = 17
    checkout_page = 18
    checkout_started = 19
    guest_identify = 20
    order = 21


# These follow what was before them at once, without a person's thinking.
_PROMPT = np.isin(np.arange(len(Step)), [1, 4, 5, 13, 17, 19, 20])


@dataclass(frozen=True)
class Timeline:
    """One event per position, sorted by visit and time. at: milliseconds after midnight; product:
    -1 for none.
    """

    visit: Ints
    step: Ints
    at: Ints
    product: Ints
    quantity: Ints

    def __len__(self) -> int:
        return len(self.visit)


@dataclass(frozen=True)
class Views:
    """One viewed product per position, and whether it was put into the cart."""

    visit: Ints
    place: Ints
    product: Ints
    quantity: Ints
    added: Bools


def expand(shop: Shop, visits: Visits, views: Views, day: int) -> Timeline:
    """All events of a day's visits."""
    rng = shop.rng(Stream.timeline, day)
    parts = [*_frame(rng, visits), *_around_views(rng, visits, views)]
    visit, step, place, product, quantity = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    online = ~visits.is_store[visit]
    order = np.lexsort((step, place, visit))
    order = order[online[order]]
    visit = visit[order]
    step = step[order]
    at = _times(rng, visits, visit, step)
    return Timeline(visit, step, at, product[order], quantity[order])


_Part = tuple[Ints, Ints, Ints, Ints, Ints]


def _part(
    visit: Ints, step: Step, place: Ints | int, product: Ints | int = -1, quantity: Ints | int = 0
) -> _Part:
    def full(value: Ints | int) -> Ints:
        return np.broadcast_to(np.asarray(value, dtype=np.int64), visit.shape)

    return visit, full(int(step)), full(place), full(product), full(quantity)


def look(shop: Shop, visits: Visits, day: int) -> Views:
    """What the visits of a day look at, and what they put into their carts."""
    rng = shop.rng(Stream.views, day)
    visit = np.repeat(np.arange(len(visits)), visits.views)
    starts = np.cumsum(visits.views) - visits.views
    place = np.arange(len(visit)) - starts[visit]
    persona = visits.persona[visit]
    product = catalogue.draw(shop.catalogue, rng, persona)
    again = np.flatnonzero((place > 0) & (rng.random(len(visit)) < 0.2))
    product[again] = product[again - 1]
    last = place == visits.views[visit] - 1
    basket = column("basket")[persona]
    more = rng.random(len(visit)) < np.minimum(
        (basket - 0.5) / np.maximum(visits.views[visit], 1), 0.8
    )
    quantity = 1 + (rng.random(len(visit)) < 0.06 * basket).astype(np.int64)
    return Views(visit, place, product, quantity, visits.carts[visit] & (last | more))


def _frame(rng: np.random.Generator, visits: Visits) -> list[_Part]:
    """The events before the first product and after the last one."""
    end = 10**6

    def where(mask: Bools) -> Ints:
        return np.flatnonzero(mask)

    signs_up = visits.login == SIGN_UP
    checkout = visits.buys | (visits.carts & (rng.random(len(visits)) < 0.35))
    guests = visits.buys & ~visits.is_known
    return [
        _part(where(visits.source == NEWSLETTER), Step.email_click, -2),
        _part(np.arange(len(visits)), Step.entry_page, -2),
        _part(where((visits.login > 0) & ~signs_up), Step.signed_in, -2),
        _part(where(signs_up), Step.signed_up, -2),
        _part(where(visits.login > 0), Step.identify, -2),
        _part(where(signs_up & (rng.random(len(visits)) < 0.3)), Step.alias, -2),
        _part(where((visits.login > 0) & (rng.random(len(visits)) < 0.3)), Step.account_page, -2),
        _part(np.repeat(np.arange(len(visits)), visits.pricing), Step.pricing_page, -2),
        _part(where(visits.demos), Step.demo, -2),
        _part(where(visits.subscribes), Step.newsletter, -2),
        _part(
            where(visits.carts & ~visits.buys & (rng.random(len(visits)) < 0.2)),
            Step.cart_page,
            end,
        ),
        _part(where(checkout), Step.cart_page, end),
        _part(where(checkout), Step.cart_viewed, end),
        _part(where(checkout), Step.checkout_page, end + 1),
        _part(where(checkout), Step.checkout_started, end + 1),
        _part(where(guests), Step.guest_identify, end + 2),
        _part(where(visits.buys), Step.order, end + 2),
    ]


def _around_views(rng: np.random.Generator, visits: Visits, views: Views) -> list[_Part]:
    """Category pages, searches, product pages, views, cart changes."""
    size = len(views.visit)
    category = rng.random(size) < np.where(views.place == 0, 0.7, 0.1)
    searched = views.place < visits.searches[views.visit]
    removed = views.added & ~visits.buys[views.visit] & (rng.random(size) < 0.12)
    web = ~visits.is_app[views.visit]
    return [
        _part(
            views.visit[category],
            Step.category_page,
            views.place[category],
            views.product[category],
        ),
        _part(views.visit[searched], Step.search, views.place[searched], views.product[searched]),
        _part(views.visit[web], Step.product_page, views.place[web], views.product[web]),
        _part(views.visit, Step.product_viewed, views.place, views.product, views.quantity),
        *(
            _part(
                views.visit[mask],
                step,
                views.place[mask],
                views.product[mask],
                views.quantity[mask],
            )
            for mask, step in ((views.added, Step.added), (removed, Step.removed))
        ),
    ]


def _times(rng: np.random.Generator, visits: Visits, visit: Ints, step: Ints) -> Ints:
    """Gaps from each persona's pace, added up within the visit; every visit ends before
    midnight.
    """
    pace = column("pace")[visits.persona[visit]] * 1000
    thinking: Floats = pace * rng.lognormal(-0.1, 0.7, len(visit))
    gap = np.where(_PROMPT[step], rng.integers(90, 600, len(visit)), 400 + thinking).astype(
        np.int64
    )
    first = np.ones(len(visit), dtype=bool)
    first[1:] = visit[1:] != visit[:-1]
    gap[first] = 0
    total = np.cumsum(gap)
    heads = np.flatnonzero(first)
    since = total - np.repeat(total[heads], np.diff(np.append(heads, len(visit))))
    length = np.zeros(len(visits), dtype=np.int64)
    np.maximum.at(length, visit, since)
    # Two seconds are left for the client's sending.
    start = np.maximum(np.minimum(visits.start, DAY_MS - 2_000 - length), 0)
    at: Ints = start[visit] + since
    return at


def begins(visits: Visits, timeline: Timeline) -> Ints:
    """When each visit's first event is, in milliseconds after midnight; the plan's time for visits
    without any.
    """
    start = visits.start.copy()
    first = np.flatnonzero(np.diff(timeline.visit, prepend=-1))
    start[timeline.visit[first]] = timeline.at[first]
    return start
