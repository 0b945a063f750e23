"""The population: who the people are, before anything happens."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from simulator import places, words
from simulator.arrays import Bools, Floats, Ints, Stream, choose, stream
from simulator.personas import PERSONAS, column


class Behaviour(IntEnum):
    """How a person deals with the shop."""

    registered = 0
    guest = 1
    anonymous = 2


@dataclass(frozen=True)
class People:
    """One person per position of each array.

    joined: day of the first possible visit, negative before the simulation starts. household:
    number of the family that shares a device, -1 for none. visits: chance of a visit on an average
    day while active. hazard: chance of starting to fade per step of life. lift: factor of
    conversion after an offer, minus one.
    """

    persona: Ints
    kind: Ints
    place: Ints
    joined: Ints
    household: Ints
    female: Bools
    first: Ints
    last: Ints
    age: Ints
    visits: Floats
    conversion: Floats
    hazard: Floats
    open_rate: Floats
    lift: Floats
    upgrade: Floats
    has_app: Bools
    has_second_email: Bools
    likes_marketing: Bools
    likes_analytics: Bools
    likes_personalization: Bools
    _plain_first: list[str] = field(repr=False)
    _plain_last: list[str] = field(repr=False)

    def __len__(self) -> int:
        return len(self.persona)

    def person_id(self, at: int) -> str:
        """The person's name in the truth; it never occurs in the data."""
        return f"person-{at:07d}"

    def user_id(self, at: int) -> str:
        """The account's id."""
        return f"u{at * 7 + 100_003:07d}"

    def first_name(self, at: int) -> str:
        """Given name."""
        return (words.FEMALE if self.female[at] else words.MALE)[self.first[at]]

    def last_name(self, at: int) -> str:
        """Family name."""
        return words.LAST[self.last[at]]

    def email(self, at: int) -> str:
        """The main address, normalized; it is the person's alone."""
        first = self._plain_first[self.first[at] + (0 if self.female[at] else len(words.FEMALE))]
        domain = words.DOMAINS[at % len(words.DOMAINS)]
        return f"{first}.{self._plain_last[self.last[at]]}{at}@{domain}"

    def second_email(self, at: int) -> str:
        """The other address of a person who has two."""
        return f"{self._plain_last[self.last[at]]}.{at}@work.example.org"

    def phone(self, at: int) -> str:
        """The person's own number in E.164."""
        return places.phone(int(self.place[at]), at)


def populate(seed: int, size: int, days: int) -> People:
    """Draw the whole population of a simulation."""
    rng = stream(seed, Stream.population)
    persona = choose(rng, [one.share for one in PERSONAS], size)
    kind = choose(rng, (0.74, 0.13, 0.13), size)
    joined = np.where(
        rng.random(size) < 0.6, -rng.integers(0, 120, size), rng.integers(0, max(days, 1), size)
    )
    ages = np.array([one.ages for one in PERSONAS])[persona]
    household = _households(rng, kind)
    place = _of_the_family(household, choose(rng, [one.weight for one in places.PLACES], size))
    mobile = np.array([one.devices[0] for one in PERSONAS])[persona]
    return People(
        persona=persona,
        kind=kind,
        place=place,
        joined=joined,
        household=household,
        female=rng.random(size) < 0.52,
        first=rng.integers(0, len(words.FEMALE), size),
        last=_of_the_family(household, rng.integers(0, len(words.LAST), size)),
        age=rng.integers(ages[:, 0], ages[:, 1] + 1),
        visits=1 - np.exp(-column("visits")[persona] / 7 * _around_one(rng, size)),
        conversion=np.where(
            kind == Behaviour.anonymous, 0.0, column("conversion")[persona] * _around_one(rng, size)
        ),
        hazard=column("hazard")[persona] * _around_one(rng, size),
        open_rate=np.clip(column("open_rate")[persona] + rng.normal(0, 0.05, size), 0.02, 0.9),
        lift=np.clip(column("lift")[persona] + rng.normal(0, 0.08, size), -0.4, 1.5),
        upgrade=column("upgrade")[persona] * _around_one(rng, size),
        has_app=rng.random(size) < 0.55 * mobile,
        has_second_email=rng.random(size) < 0.06,
        likes_marketing=rng.random(size) < 0.78,
        likes_analytics=rng.random(size) < 0.9,
        likes_personalization=rng.random(size) < 0.82,
        _plain_first=[words.plain(name) for name in words.FEMALE + words.MALE],
        _plain_last=[words.plain(name) for name in words.LAST],
    )


def _around_one(rng: np.random.Generator, size: int) -> Floats:
    """Factors by which people of one persona differ from each other."""
    return rng.lognormal(0.0, 0.10, size)


def _households(rng: np.random.Generator, kind: Ints) -> Ints:
    """Put about 4% of the registered people into families of two or three that share a device."""
    household = np.full(len(kind), -1, dtype=np.int64)
    registered = np.flatnonzero(kind == Behaviour.registered)
    members = rng.permutation(registered)[: int(len(registered) * 0.04)]
    at = number = 0
    while at + 1 < len(members):
        size = 3 if number % 4 == 3 else 2
        household[members[at : at + size]] = number
        at = at + size
        number = number + 1
    return household


def _of_the_family(household: Ints, values: Ints) -> Ints:
    """Give all of a family the value of its first member."""
    members = np.flatnonzero(household >= 0)
    families, first = np.unique(household[members], return_index=True)
    shared = values.copy()
    if len(families):
        shared[members] = values[members[first]][np.searchsorted(families, household[members])]
    return shared
