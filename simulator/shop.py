"""Everything that a simulation remembers from one day to the next."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from simulator import catalogue
from simulator.arrays import Bools, Floats, Ints, Stream, stream
from simulator.catalogue import Catalogue
from simulator.devices import Devices, equip
from simulator.life import STEP_DAYS, Life
from simulator.people import Behaviour, People, populate

BURN_IN = (
    120  # days simulated before the data begin, so that not all people are active at their start
)
DAY_MS = 86_400_000


@dataclass
class Shop:
    """The people, their devices and what the shop knows of each.

    registered: has an account; registered_on: since which day (negative before the data).
    known_email: the shop knows an address. offered_on: day of the last offer mailed. mailed_on,
    campaign, opened, clicked: the last mail. orders, revenue, visits, upgrades: so far. plan: 0
    free to 3 premium; interest: recent looks at the prices of plans.
    """

    seed: int
    first_day: date
    people: People
    devices: Devices
    life: Life
    catalogue: Catalogue
    registered: Bools
    registered_on: Ints
    known_email: Bools
    wants_mail: Bools
    offered_on: Ints
    mailed_on: Ints
    campaign: Ints
    opened: Bools
    clicked: Bools
    orders: Ints
    revenue: Floats
    visits: Ints
    plan: Ints
    interest: Floats
    upgrades: Ints
    seen_device: Bools
    linked_device: Bools
    seen_app: Bools
    seen_phone: Bools
    seen_second_email: Bools
    orphans: set[tuple[int, int]] = field(default_factory=set)
    shared_cookies: set[tuple[int, int, int]] = field(default_factory=set)

    def date(self, day: int) -> date:
        """The calendar date of a day of the simulation."""
        return self.first_day + timedelta(days=day)

    def midnight(self, day: int) -> int:
        """The first millisecond of a day, since 1970."""
        return (self.date(day) - date(1970, 1, 1)).days * DAY_MS

    def rng(self, subject: Stream, day: int) -> np.random.Generator:
        """The random stream of a subject on a day."""
        return stream(self.seed, subject, day + BURN_IN)


def open_shop(seed: int, people: int, days: int, first_day: date) -> Shop:
    """The shop on the morning of the first day; of those who came before it some are known and some
    have left.
    """
    population = populate(seed, people, days)
    devices = equip(seed, population)
    rng = stream(seed, Stream.life)
    early = (
        (population.kind == Behaviour.registered)
        & (population.joined < 0)
        & (rng.random(people) < 0.92)
    )
    life = Life.begin(population)
    # Steps end on days that lie whole steps before the last day, as the dates do at which the truth
    # is kept.
    for day in range(days % STEP_DAYS - BURN_IN, 1, STEP_DAYS):
        life.advance(rng, day, observed=False)
    return Shop(
        seed=seed,
        first_day=first_day,
        people=population,
        devices=devices,
        life=life,
        catalogue=catalogue.build(),
        registered=early,
        registered_on=np.where(early, population.joined, 10**6),
        known_email=early.copy(),
        wants_mail=population.likes_marketing.copy(),
        offered_on=np.full(people, -(10**6)),
        mailed_on=np.full(people, -(10**6)),
        campaign=np.full(people, -1),
        opened=np.zeros(people, dtype=bool),
        clicked=np.zeros(people, dtype=bool),
        orders=np.zeros(people, dtype=np.int64),
        revenue=np.zeros(people),
        visits=np.zeros(people, dtype=np.int64),
        plan=np.where(early, np.minimum(rng.poisson(population.upgrade * 25), 3), 0),
        interest=np.zeros(people),
        upgrades=np.zeros(people, dtype=np.int64),
        seen_device=np.zeros(len(devices), dtype=bool),
        linked_device=np.zeros(len(devices), dtype=bool),
        seen_app=np.zeros(len(devices), dtype=bool),
        seen_phone=np.zeros(people, dtype=bool),
        seen_second_email=np.zeros(people, dtype=bool),
    )
