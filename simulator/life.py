"""How people come, fade and leave, and what the shop can know of it.

Life advances in steps of five days. In each step a person is active, fading or has left. An active
person starts to fade with a chance that depends on the persona and on recent bad experiences; a
fading one visits less, buys less, opens fewer mails, and leaves or recovers. ``belief`` is the
probability of each state given all that was seen of the person so far (a forward filter with the
true parameters): no model can know more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.arrays import Bools, Floats, Ints
from simulator.people import People

STEP_DAYS = 5
ACTIVE = 0
FADING = 1
LEFT = 2
VISITS = np.array([1.0, 0.22, 0.0])  # factor of the chance to visit, by state
BUYS = np.array([1.0, 0.55, 0.0])  # factor of conversion, by state
OPENS = np.array([1.0, 0.25, 0.03])  # factor of the chance to open a mail, by state
# chances per step: fading to left, fading to active, left to active
LEAVE = 0.11
RECOVER = 0.04
RETURN = 0.003
GRIEF = 1.1  # each unit of irritation multiplies the hazard by e to this
CALM = 0.6  # share of irritation left after a step


@dataclass
class Life:
    """Each person's state now, and what the current step has shown so far."""

    people: People
    state: Ints
    belief: Floats
    irritation: Floats
    visited: Floats
    bought: Floats
    mailed: Floats
    opened: Floats

    @classmethod
    def begin(cls, people: People) -> Life:
        """Each person is active when they join."""
        size = len(people)
        belief = np.zeros((size, 3))
        belief[:, ACTIVE] = 1.0
        zeros = [np.zeros(size) for _ in range(5)]
        return cls(people, np.zeros(size, dtype=np.int64), belief, *zeros)

    def visit_chance(self) -> Floats:
        """Chance of a visit on an average day, for each person."""
        chance: Floats = self.people.visits * VISITS[self.state]
        return chance

    def advance(self, rng: np.random.Generator, day: int, *, observed: bool) -> None:
        """End a step: learn from what it showed (unless it lies before the data), then draw each
        person's next state.
        """
        here = self.people.joined <= day
        if observed:
            self._learn(here)
        moves = self.transitions()
        chances = moves[np.arange(len(self.state)), self.state]
        drawn = (rng.random(len(self.state))[:, None] > np.cumsum(chances, axis=1)).sum(axis=1)
        self.state = np.where(here, np.minimum(drawn, LEFT), self.state)
        expected = np.einsum("ns,nst->nt", self.belief, moves)
        self.belief = np.where(here[:, None], expected, self.belief)
        self.irritation *= CALM
        for seen in (self.visited, self.bought, self.mailed, self.opened):
            seen[:] = 0

    def transitions(self, irritation: Floats | None = None) -> Floats:
        """Chances of going from state (second axis) to state (third axis) for each person (first
        axis).
        """
        felt = self.irritation if irritation is None else irritation
        fade = np.minimum(self.people.hazard * np.exp(GRIEF * np.minimum(felt, 2.0)), 0.6)
        moves = np.zeros((len(fade), 3, 3))
        moves[:, ACTIVE, FADING] = fade
        moves[:, ACTIVE, ACTIVE] = 1 - fade
        moves[:, FADING] = (RECOVER, 1 - RECOVER - LEAVE, LEAVE)
        moves[:, LEFT] = (RETURN, 0.0, 1 - RETURN)
        return moves

    def _learn(self, here: Bools) -> None:
        """Weigh each state by the chance that it gives to the visits, orders and opens of this
        step.
        """
        visit = np.clip(self.people.visits[:, None] * VISITS, 1e-9, 1 - 1e-9)
        buy = np.clip(self.people.conversion[:, None] * BUYS, 1e-9, 1 - 1e-9)
        read = np.clip(self.people.open_rate[:, None] * OPENS, 1e-9, 1 - 1e-9)
        score = _chance(visit, self.visited[:, None], STEP_DAYS)
        score += _chance(buy, self.bought[:, None], self.visited[:, None])
        score += _chance(read, self.opened[:, None], self.mailed[:, None])
        weighed = self.belief * np.exp(score - score.max(axis=1, keepdims=True))
        weighed /= weighed.sum(axis=1, keepdims=True)
        self.belief = np.where(here[:, None], weighed, self.belief)

    def silence(self, horizon: int, *, orders: bool, lift: Floats | None = None) -> Floats:
        """Probability of no order (or of no visit at all) in the coming days, by state
        (columns).
        """
        chance = self.people.visits[:, None] * VISITS
        if orders:
            factor = self.people.conversion if lift is None else self.people.conversion * (1 + lift)
            chance = chance * np.minimum(factor[:, None] * BUYS, 0.95)
        quiet = (1 - chance) ** STEP_DAYS
        result = np.ones((len(self.state), 3))
        for step in reversed(range(horizon // STEP_DAYS)):
            moves = self.transitions(self.irritation * CALM**step)
            result = quiet * np.einsum("nst,nt->ns", moves, result)
        return result

    def believed(self, by_state: Floats) -> Floats:
        """A value by state, averaged over the believed probabilities of each person's state."""
        return np.asarray((self.belief * by_state).sum(axis=1))


def _chance(chance: Floats, hits: Floats, tries: Floats | int) -> Floats:
    """Log-likelihood of so many hits in so many tries, without the constant."""
    return np.asarray(hits * np.log(chance) + (tries - hits) * np.log1p(-chance))
