"""Who visits the shop on one day, on which device, and with what intent."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from simulator.arrays import Bools, Floats, Ints, Stream, choose
from simulator.devices import KIOSK, MOBILE, NOBODY
from simulator.life import BUYS
from simulator.people import Behaviour
from simulator.personas import column, hours, weekdays
from simulator.places import PLACES, offset_hours
from simulator.shop import Shop

OFFER_DAYS = 15  # how long an offer changes conversion
CLICK_DAYS = 3  # how long after a mail a visit may come from it
SOURCES = (
    "",
    "google/organic",
    "google/cpc",
    "instagram/social",
    "facebook/paid_social",
    "partner/referral",
    "newsletter/email",
)
NEWSLETTER = len(SOURCES) - 1
NO_LOGIN = 0
SIGN_IN = 1
SIGN_UP = 2


@dataclass(frozen=True)
class Visits:
    """One visit per position; a person visits at most once a day. start: milliseconds after
    midnight UTC.
    """

    person: Ints
    persona: Ints
    device: Ints
    generation: Ints
    start: Ints
    source: Ints
    login: Ints
    was_known: Bools
    is_known: Bools
    is_app: Bools
    is_store: Bools
    buys: Bools
    carts: Bools
    has_coupon: Bools
    pricing: Ints
    demos: Bools
    views: Ints
    searches: Ints
    subscribes: Bools

    def __len__(self) -> int:
        return len(self.person)

    def signed_up(self) -> Ints:
        """The people who made an account."""
        return np.asarray(self.person[self.login == SIGN_UP])

    def where(self, mask: Bools) -> Visits:
        """The visits for which the mask is true."""
        return Visits(**{field.name: getattr(self, field.name)[mask] for field in fields(self)})


def plan(shop: Shop, day: int) -> Visits:
    """Draw the visits of a day and remember what they change: log-ins, cookies, orders."""
    rng = shop.rng(Stream.visits, day)
    person = _visitors(shop, rng, day)
    persona = shop.people.persona[person]
    size = len(person)
    buys = rng.random(size) < _conversion(shop, person, day)
    carts = buys | (rng.random(size) < column("cart")[persona])
    is_store = buys & (rng.random(size) < column("store")[persona])
    device, generation = _device(shop, rng, person, buys, ~is_store)
    was_known = (shop.devices.known[device] == person) & (device != KIOSK)
    login = _login(shop, rng, person, device, buys & ~is_store, was_known)
    login = np.where(is_store, NO_LOGIN, login)
    clicks = (
        (day - shop.mailed_on[person] < CLICK_DAYS)
        & ~shop.clicked[person]
        & ~is_store
        & (device != KIOSK)
    )
    clicks &= rng.random(size) < column("click_share")[persona]
    views = rng.poisson(column("depth")[persona])
    visits = Visits(
        person=person,
        persona=persona,
        device=device,
        generation=generation,
        start=_start(shop, rng, person, day),
        source=np.where(clicks, NEWSLETTER, choose(rng, (0.4, 0.24, 0.1, 0.12, 0.06, 0.08), size)),
        login=login,
        was_known=was_known & ~is_store,
        is_known=(was_known | (login > 0)) & ~is_store,
        is_app=shop.people.has_app[person]
        & (shop.devices.type[device] == MOBILE)
        & ~clicks
        & ~_shared(shop, device),
        is_store=is_store,
        buys=buys,
        carts=carts,
        has_coupon=buys & (rng.random(size) < column("coupon")[persona]),
        pricing=rng.binomial(2, np.minimum(column("pricing")[persona], 0.9)),
        demos=rng.random(size) < column("pricing")[persona] * 0.06,
        views=np.where(carts, views + 1 + rng.poisson(column("basket")[persona]), views),
        searches=rng.poisson(column("searches")[persona]),
        subscribes=~is_store & (device != KIOSK) & _subscribes(shop, rng, person),
    )
    _remember(shop, visits, day)
    return visits


def _visitors(shop: Shop, rng: np.random.Generator, day: int) -> Ints:
    weekday = shop.date(day).weekday()
    chance = shop.life.visit_chance() * weekdays()[shop.people.persona, weekday]
    came = (rng.random(len(chance)) < chance) & (shop.people.joined <= day)
    # The first day of a person is the day of the first visit.
    came |= (shop.people.joined == day) & (day >= 0)
    return np.flatnonzero(came)


def _conversion(shop: Shop, person: Ints, day: int) -> Floats:
    offered = (day - shop.offered_on[person]) < OFFER_DAYS
    lifted = 1 + np.where(offered, shop.people.lift[person], 0.0)
    chance: Floats = np.minimum(
        shop.people.conversion[person] * BUYS[shop.life.state[person]] * lifted, 0.95
    )
    return chance


def _device(
    shop: Shop, rng: np.random.Generator, person: Ints, buys: Bools, online: Bools
) -> tuple[Ints, Ints]:
    """The device of each visit, and how often its cookie was replaced; about 3% of the cookies are,
    at a visit.
    """
    devices = shop.devices
    size = len(person)
    extra = np.where(rng.random(size) < 0.7, 0, rng.integers(0, 3, size))
    device = devices.first[person] + np.where(
        shop.registered[person], extra % devices.count[person], 0
    )
    shared = (
        (devices.family[person] != NOBODY) & shop.registered[person] & (rng.random(size) < 0.35)
    )
    device = np.where(shared, devices.family[person], device)
    replaced = (
        online & shop.registered[person] & shop.seen_device[device] & (rng.random(size) < 0.03)
    )
    replaced &= ~_shared(shop, device)
    at_kiosk = buys & online & (rng.random(size) < 0.012)
    device = np.where(at_kiosk, KIOSK, device)
    for lost in device[replaced & ~at_kiosk & ~shop.linked_device[device]].tolist():
        shop.orphans.add((lost, int(devices.generation[lost])))
    fresh = device[replaced & ~at_kiosk]
    devices.generation[fresh] += 1
    devices.known[fresh] = NOBODY
    shop.linked_device[fresh] = False
    return device, devices.generation[device]


def _subscribes(shop: Shop, rng: np.random.Generator, person: Ints) -> Bools:
    """Guests without a known address sometimes leave one for the newsletter."""
    unknown = (shop.people.kind[person] == Behaviour.guest) & ~shop.known_email[person]
    return np.asarray(unknown & (rng.random(len(person)) < 0.2))


def _shared(shop: Shop, device: Ints) -> Bools:
    """Which of the devices have several users: the families' and the kiosk."""
    return np.asarray(np.isin(device, list(shop.devices.shared)))


def _login(
    shop: Shop, rng: np.random.Generator, person: Ints, device: Ints, buys: Bools, known: Bools
) -> Ints:
    """Sign-ups of the not yet registered, sign-ins of the registered on a device that does not know
    them.
    """
    size = len(person)
    registered = shop.registered[person]
    at_kiosk = device == KIOSK
    eager = (rng.random(size) < 0.5) | (buys & (rng.random(size) < 0.8))
    signs_up = (shop.people.kind[person] == Behaviour.registered) & ~registered & eager
    shared = _shared(shop, device)
    signs_in = registered & (shared | (~known & (rng.random(size) < 0.985)))
    return np.where(
        at_kiosk, NO_LOGIN, np.where(signs_up, SIGN_UP, np.where(signs_in, SIGN_IN, NO_LOGIN))
    )


def _start(shop: Shop, rng: np.random.Generator, person: Ints, day: int) -> Ints:
    """Milliseconds after midnight UTC, by the local habits of each persona."""
    table = np.cumsum(hours(), axis=1)
    drawn = (rng.random(len(person))[:, None] > table[shop.people.persona[person]]).sum(axis=1)
    date = shop.date(day)
    ahead = np.array([offset_hours(place, date) for place in range(len(PLACES))])[
        shop.people.place[person]
    ]
    hour = (np.minimum(drawn, 23) - ahead) % 24
    return np.asarray(hour * 3_600_000 + rng.integers(0, 3_600_000, len(person)))


def _remember(shop: Shop, visits: Visits, day: int) -> None:
    person = visits.person
    device = visits.device
    shop.visits[person] += 1
    shop.life.visited[person] += 1
    shop.life.bought[person] += visits.buys
    signed_up = person[visits.login == SIGN_UP]
    shop.registered[signed_up] = True
    shop.registered_on[signed_up] = day
    online = ~visits.is_store
    own = online & ~_shared(shop, device)
    logged_in = own & (visits.login > 0)
    shop.devices.known[device[logged_in]] = person[logged_in]
    guests = visits.buys & ~visits.is_known | visits.subscribes
    shop.known_email[
        person[(visits.login == SIGN_UP) | guests | (visits.is_store & visits.buys)]
    ] = True
    shop.seen_device[device[online]] = True
    shop.seen_app[device[visits.is_app & online]] = True
    strong = visits.is_known | guests | (visits.source == NEWSLETTER)
    shop.linked_device[device[online & strong]] = True
    shop.clicked[person[visits.source == NEWSLETTER]] = True
    in_family = online & ~own & (device != KIOSK)
    cookies = zip(device[in_family].tolist(), visits.generation[in_family].tolist(), strict=True)
    shop.shared_cookies.update(
        (*pair, one) for pair, one in zip(cookies, person[in_family].tolist(), strict=True)
    )
    shop.interest[person] += visits.pricing * online
