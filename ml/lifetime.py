"""How often a customer will come back and what they will spend: BG/NBD and gamma-gamma, fitted by
maximum likelihood.

BG/NBD: Fader, Hardie and Lee, "Counting Your Customers the Easy Way", Marketing Science 24 (2005).
Gamma-gamma: Fader and Hardie, "The Gamma-Gamma Model of Monetary Value" (2013). Times are in weeks,
as in both papers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import gammaln, hyp2f1
from sklearn.base import BaseEstimator, RegressorMixin

Vector = NDArray[np.float64]
DAYS_PER_WEEK = 7.0


@dataclass(frozen=True)
class History:
    """Per customer: repeat purchase days, weeks from first to last purchase, to the last day
    observed, mean spend.
    """

    repeats: Vector
    last: Vector
    observed: Vector
    spend: Vector

    def __len__(self) -> int:
        return len(self.repeats)


def history(purchases: pd.DataFrame, until: datetime) -> tuple[pd.Index, History]:
    """From rows ``customer, at, amount``: customers with a purchase before until, and what was seen
    of each.

    Purchases of one day count as one, as in the papers.
    """
    known = purchases[purchases["at"] < until]
    days = (
        known.assign(day=known["at"].dt.normalize())
        .groupby(["customer", "day"], sort=True)["amount"]
        .sum()
        .reset_index()
    )
    each = days.groupby("customer", sort=True)
    first = each["day"].min()
    last = each["day"].max()
    count = each["day"].size()
    last_day = (pd.Timestamp(until) - pd.Timedelta(microseconds=1)).normalize()
    later = (
        days[days["day"] > days["customer"].map(first)]
        .groupby("customer")["amount"]
        .mean()
        .reindex(first.index)
    )
    made = History(
        np.asarray(count - 1, dtype=np.float64),
        np.asarray((last - first).dt.days / DAYS_PER_WEEK, dtype=np.float64),
        np.asarray((last_day - first).dt.days / DAYS_PER_WEEK, dtype=np.float64),
        np.asarray(later.fillna(0.0), dtype=np.float64),
    )
    return first.index, made


@dataclass(frozen=True)
class BetaGeometric:
    """BG/NBD: purchases at a gamma(r, alpha) rate while alive; death after a purchase with a
    beta(a, b) chance.
    """

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float

    @classmethod
    def fit(cls, seen: History) -> BetaGeometric:
        """Maximum likelihood over the four parameters."""
        best, value = _maximize(lambda p: float(_purchases_likelihood(p, seen).sum()), 4)
        r, alpha, a, b = map(float, best)
        return cls(r, alpha, a, b, value)

    def alive(self, seen: History) -> Vector:
        """Probability that each customer is still one."""
        return np.asarray(1.0 / (1.0 + self._odds_of_death(seen)))

    def expected(self, seen: History, weeks: float) -> Vector:
        """Expected purchases of each customer in the coming weeks (equation 10 of the paper)."""
        x = seen.repeats
        end = self.alpha + seen.observed
        growth = hyp2f1(self.r + x, self.b + x, self.a + self.b + x - 1, weeks / (end + weeks))
        rise = 1 - (end / (end + weeks)) ** (self.r + x) * growth
        return np.asarray(
            (self.a + self.b + x - 1) / (self.a - 1) * rise / (1 + self._odds_of_death(seen))
        )

    def _odds_of_death(self, seen: History) -> Vector:
        x = seen.repeats
        ratio = ((self.alpha + seen.observed) / (self.alpha + seen.last)) ** (self.r + x)
        return np.where(x > 0, self.a / (self.b + np.maximum(x, 1) - 1) * ratio, 0.0)


def _purchases_likelihood(parameters: Vector, seen: History) -> Vector:
    r, alpha, a, b = parameters
    x = seen.repeats
    common = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + gammaln(a + b) - gammaln(b)
    alive = gammaln(b + x) - gammaln(a + b + x) - (r + x) * np.log(alpha + seen.observed)
    many = np.maximum(x, 1)
    dead = (
        gammaln(b + x)
        - gammaln(a + b + x)
        + np.log(a)
        - np.log(b + many - 1)
        - (r + x) * np.log(alpha + seen.last)
    )
    return np.asarray(common + np.where(x > 0, np.logaddexp(alive, dead), alive))


@dataclass(frozen=True)
class GammaGamma:
    """Spend per purchase: gamma(p, nu) around a customer's mean, with nu gamma(q, gamma) between
    customers.
    """

    p: float
    q: float
    gamma: float

    @classmethod
    def fit(cls, seen: History) -> GammaGamma:
        """Maximum likelihood over customers with a repeat purchase of some value."""
        rows = (seen.repeats > 0) & (seen.spend > 0)
        x = seen.repeats[rows]
        mean = seen.spend[rows]
        best, _ = _maximize(lambda p: float(_spend_likelihood(p, x, mean).sum()), 3)
        return cls(*map(float, best))

    def expected(self, seen: History) -> Vector:
        """Expected spend per purchase of each customer; who never came back is expected at the
        average.
        """
        weight = self.p * seen.repeats
        return np.asarray(self.p * (self.gamma + seen.repeats * seen.spend) / (weight + self.q - 1))


def _spend_likelihood(parameters: Vector, x: Vector, mean: Vector) -> Vector:
    p, q, gamma = parameters
    px = p * x
    shape = gammaln(px + q) - gammaln(px) - gammaln(q) + q * np.log(gamma)
    return np.asarray(
        shape + (px - 1) * np.log(mean) + px * np.log(x) - (px + q) * np.log(gamma + x * mean)
    )


def _maximize(likelihood: Callable[[Vector], float], size: int) -> tuple[Vector, float]:
    """The positive parameters of the highest likelihood, searched on the log scale from three
    starts.
    """
    found = []
    for start in (-0.5, 0.0, 1.0):
        step = minimize(
            lambda p: -likelihood(np.exp(p)),
            np.full(size, start),
            method="Nelder-Mead",
            options=_PATIENT,
        )
        found.append(
            minimize(
                lambda p: -likelihood(np.exp(p)),
                step.x,
                method="L-BFGS-B",
                bounds=[(-12, 12)] * size,
            )
        )
    best = min(found, key=lambda result: float(result.fun))
    return np.exp(best.x), -float(best.fun)


_PATIENT = {"maxiter": 4000, "maxfev": 4000, "xatol": 1e-6, "fatol": 1e-6}


class LifetimeValue(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """BG/NBD and gamma-gamma as an estimator: spend expected in the coming days, from the features
    of orders.

    It learns from purchases before as_of alone and does not read the labels. An order counts as a
    purchase day. The features have the mean of all orders; it is used as the mean of the repeated
    ones.
    """

    columns = (
        "orders_lifetime",
        "days_since_first_order",
        "days_since_last_order",
        "average_order_value",
    )

    def __init__(self, days: float = 90.0) -> None:
        self.days = days

    def fit(self, rows: Vector, amounts: Vector) -> LifetimeValue:
        """Fit both models to rows in the order of ``columns``."""
        seen = self._history(rows)
        purchases = BetaGeometric.fit(seen)
        spend = GammaGamma.fit(seen)
        self.purchases_ = np.array([purchases.r, purchases.alpha, purchases.a, purchases.b])
        self.spend_ = np.array([spend.p, spend.q, spend.gamma])
        return self

    def predict(self, rows: Vector) -> Vector:
        """Expected spend per row."""
        seen = self._history(rows)
        r, alpha, a, b = map(float, self.purchases_)
        purchases = BetaGeometric(r, alpha, a, b, log_likelihood=float("nan"))
        amount = GammaGamma(*map(float, self.spend_)).expected(seen)
        return np.asarray(purchases.expected(seen, self.days / DAYS_PER_WEEK) * amount)

    def _history(self, rows: Vector) -> History:
        orders, first, last, spend = np.nan_to_num(np.asarray(rows, dtype=np.float64)).T
        return History(
            np.maximum(orders - 1, 0),
            np.maximum(first - last, 0) / DAYS_PER_WEEK,
            first / DAYS_PER_WEEK,
            spend,
        )
