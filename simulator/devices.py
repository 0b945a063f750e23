"""The devices that people own or share, and who is known on each of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np

from simulator.arrays import Ints, Stream, choose, stream
from simulator.people import Behaviour, People
from simulator.personas import PERSONAS

MOBILE = 0
DESKTOP = 1
TABLET = 2
TYPES = ("mobile", "desktop", "tablet")
KIOSK = 0  # the first device is the one in the store, which all share
NOBODY = -1


@dataclass
class Devices:
    """One device per position; first[p] is where person p's devices begin, count[p] how many they
    own.

    family[p] is the device that a person's family shares, -1 for none. generation counts how often
    a device's cookie was replaced. known is the person who is logged in on the device, -1 for
    nobody.
    """

    seed: int
    owner: Ints
    type: Ints
    model: Ints
    first: Ints
    count: Ints
    family: Ints
    generation: Ints
    known: Ints
    shared: frozenset[int] = field(default_factory=frozenset)

    def __len__(self) -> int:
        return len(self.owner)

    def cookie(self, device: int, generation: int) -> str:
        """The anonymous id that a device has after so many replacements."""
        return _key(self.seed, "cookie", device, generation)

    def device_id(self, device: int) -> str:
        """The id that the shop's app reports for a device."""
        return _key(self.seed, "device", device, 0)


def _key(seed: int, kind: str, device: int, generation: int) -> str:
    text = blake2b(f"{seed}/{kind}/{device}/{generation}".encode(), digest_size=16).hexdigest()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def equip(seed: int, people: People) -> Devices:
    """Give each person devices: one to three for the registered, one for the others; a family
    shares the first one of its first member.
    """
    rng = stream(seed, Stream.devices)
    size = len(people)
    count = np.where(
        people.kind == Behaviour.registered, 1 + choose(rng, (0.45, 0.42, 0.13), size), 1
    )
    first = 1 + np.concatenate(([0], np.cumsum(count)[:-1]))
    owner = np.concatenate(([NOBODY], np.repeat(np.arange(size), count)))
    family = np.full(size, NOBODY, dtype=np.int64)
    members = np.flatnonzero(people.household >= 0)
    _, heads, of = np.unique(people.household[members], return_index=True, return_inverse=True)
    family[members] = first[members[heads][of]]
    return Devices(
        seed=seed,
        owner=owner,
        type=_types(rng, people, owner, first),
        model=rng.integers(0, 1000, len(owner)),
        first=first,
        count=count,
        family=family,
        generation=np.zeros(len(owner), dtype=np.int64),
        known=np.full(len(owner), NOBODY, dtype=np.int64),
        shared=frozenset(family[members].tolist()) | {KIOSK},
    )


def _types(rng: np.random.Generator, people: People, owner: Ints, first: Ints) -> Ints:
    """The first device is of the persona's favoured type more often than any other."""
    types = np.zeros(len(owner), dtype=np.int64)
    for persona, one in enumerate(PERSONAS):
        mine = np.flatnonzero((owner >= 0) & (people.persona[owner] == persona))
        types[mine] = choose(rng, one.devices, len(mine))
        leading = first[people.persona == persona]
        types[leading] = np.where(
            rng.random(len(leading)) < 0.75, int(np.argmax(one.devices)), types[leading]
        )
    types[KIOSK] = TABLET
    return types
