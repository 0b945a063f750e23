"""Subscriptions: plans, upgrades and cancellations, one row per change."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.arrays import Floats, Ints, Stream, iso
from simulator.catalogue import CURRENCY
from simulator.life import ACTIVE, LEFT, STEP_DAYS
from simulator.personas import column
from simulator.shop import DAY_MS, Shop

PLANS = ("free", "basic", "pro", "premium")
PRICES = (0.0, 9.0, 19.0, 49.0)
EAGER = 0.9  # each recent look at the prices multiplies the chance of an upgrade by e to this
HEADER = (
    "change_id", "subscription_id", "user_id", "email", "plan", "status", "mrr", "currency",
    "billing_period",
    "started_at", "changed_at", "ended_at",
)  # fmt: skip
_FADE = 0.75  # share of the interest left after a step
_BY_STATE = np.array([1.0, 0.3, 0.0])


def chance(shop: Shop, interest: Floats) -> Floats:
    """Chance of an upgrade in one step for an active person with an account and a plan to go to."""
    base = shop.people.upgrade * np.exp(EAGER * np.minimum(interest, 3.0))
    open_to = shop.registered & (shop.plan < len(PLANS) - 1)
    return np.where(open_to, np.minimum(base, 0.9), 0.0)


def upgrade_probability(shop: Shop, horizon: int) -> Floats:
    """Probability of at least one upgrade in the coming days, by the believed probabilities of each
    person's state.
    """
    usual = shop.people.visits * 5 * _usual_looks(shop)
    stays = np.ones(len(shop.people))
    belief = shop.life.belief
    interest = shop.interest.copy()
    moves = shop.life.transitions()
    for _ in range(horizon // STEP_DAYS):
        stays *= 1 - chance(shop, interest) * (belief * _BY_STATE).sum(axis=1)
        belief = np.einsum("ns,nst->nt", belief, moves)
        interest = interest * _FADE + usual * belief[:, ACTIVE]
    return np.asarray(1 - stays)


def _usual_looks(shop: Shop) -> Floats:
    return np.asarray(2 * column("pricing")[shop.people.persona])


def advance(shop: Shop, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """A step's upgrades and cancellations (persons each)."""
    drawn = rng.random(len(shop.people))
    upgrades = np.flatnonzero(drawn < chance(shop, shop.interest) * _BY_STATE[shop.life.state])
    quits = np.flatnonzero(
        (shop.plan > 0) & (shop.life.state == LEFT) & (rng.random(len(drawn)) < 0.15)
    )
    shop.plan[upgrades] += 1
    shop.upgrades[upgrades] += 1
    shop.plan[quits] = 0
    shop.interest *= _FADE
    return upgrades, quits


def beginning(shop: Shop, people: Ints, midnights: Ints, day: int) -> list[Sequence[str]]:
    """The first row of each of these accounts, at their plan."""
    rng = shop.rng(Stream.plans, day)
    times = midnights + rng.integers(0, DAY_MS - 1000, len(people))
    return _rows(shop, people, times, day, ended=False, started=times)


def changes(shop: Shop, people: Ints, day: int, *, ended: bool) -> list[Sequence[str]]:
    """Rows of changes on a day, at the plan after the change."""
    rng = shop.rng(Stream.plans, day + 200_000 + ended)
    times = shop.midnight(day) + rng.integers(0, DAY_MS - 1000, len(people))
    return _rows(shop, people, times, day, ended=ended, started=None)


def _rows(
    shop: Shop, people: Ints, times: Ints, day: int, *, ended: bool, started: Ints | None
) -> list[Sequence[str]]:
    since = np.array([shop.midnight(int(on)) for on in shop.registered_on[people]], dtype=np.int64)
    since = np.minimum(since, times)
    stamps = iso(times)
    starts = iso(since if started is None else started)
    rows: list[Sequence[str]] = []
    for at, person in enumerate(people.tolist()):
        plan = int(shop.plan[person])
        kind = "e" if ended else "b" if started is not None else "u"
        rows.append((
            f"ch-{day + 1000}-{person}-{kind}", f"sub-{person:07d}", shop.people.user_id(person),
            shop.people.email(person), PLANS[plan], "cancelled" if ended else "active",
            f"{PRICES[plan]:.2f}", CURRENCY,
            "year" if person % 4 == 0 else "month", starts[at], stamps[at],
            stamps[at] if ended else "",
        ))  # fmt: skip
    return rows
