"""The six kinds of people in the shop: how each behaves and answers surveys."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.arrays import Floats

CATEGORIES = ("Electronics", "Fashion", "Home", "Beauty", "Sports", "Toys", "Books", "Garden")
QUESTIONS = (
    "price_sensitivity",
    "brand_loyalty",
    "tech_affinity",
    "research_habit",
    "impulse_buying",
    "sustainability",
    "luxury_interest",
)


@dataclass(frozen=True)
class Persona:
    """One latent kind of person.

    share: of the population. visits: per week while active. conversion: orders per visit. cart:
    carts left per visit that ends without an order. depth: mean products viewed per visit. pace:
    median seconds on a page. hazard: chance per five days of starting to fade. open_rate and
    click_share: of mails. lift: how much an offer multiplies conversion, above one. upgrade: chance
    of a plan upgrade per five days. luxury and price: taste in products. peak: local hours of most
    visits. weekend: weight of a Saturday or Sunday. devices: mobile, desktop, tablet. answers: mean
    survey answers, in the order of QUESTIONS.
    """

    name: str
    share: float
    visits: float
    conversion: float
    cart: float
    depth: float
    searches: float
    pace: float
    hazard: float
    open_rate: float
    click_share: float
    coupon: float
    lift: float
    upgrade: float
    pricing: float
    luxury: float
    price: float
    basket: float
    store: float
    peak: tuple[float, float]
    weekend: float
    devices: tuple[float, float, float]
    categories: tuple[float, ...]
    answers: tuple[float, ...]
    ages: tuple[int, int]


PERSONAS = (
    Persona(
        "bargain_hunter", 0.20, 0.86, 0.20, 0.26, 2.3, 0.3, 22, 0.022, 0.46, 0.50, 0.80, 0.70,
        0.003, 0.03,
        0.02, -1.1, 1.6, 0.02, (13.0, 2.0), 0.9, (0.30, 0.60, 0.10),
        (0.02, 0.75, 0.08, 0.08, 0.02, 0.03, 0.01, 0.01), (4.7, 1.8, 2.6, 3.0, 3.9, 2.2, 1.4), (24,
        60),
    ),
    Persona(
        "tech_enthusiast", 0.16, 0.82, 0.20, 0.12, 2.5, 1.1, 38, 0.009, 0.30, 0.30, 0.12, 0.15,
        0.022, 0.22,
        0.10, 0.7, 1.2, 0.03, (21.5, 1.6), 1.0, (0.62, 0.30, 0.08),
        (0.86, 0.01, 0.02, 0.01, 0.04, 0.02, 0.03, 0.01), (2.3, 3.2, 4.8, 4.0, 2.8, 2.6, 2.9), (20,
        42),
    ),
    Persona(
        "luxury_loyalist", 0.12, 0.62, 0.32, 0.08, 1.9, 0.2, 45, 0.005, 0.38, 0.26, 0.03, -0.12,
        0.012, 0.06,
        0.92, 1.4, 1.2, 0.14, (19.0, 2.0), 1.9, (0.72, 0.16, 0.12),
        (0.03, 0.30, 0.02, 0.60, 0.02, 0.01, 0.01, 0.01), (1.4, 4.7, 3.1, 2.4, 3.0, 2.7, 4.8), (34,
        68),
    ),
    Persona(
        "casual_browser", 0.20, 0.70, 0.04, 0.10, 1.8, 0.2, 11, 0.045, 0.14, 0.12, 0.25, 0.30,
        0.001, 0.02,
        0.05, -0.3, 1.1, 0.01, (22.5, 1.5), 1.5, (0.88, 0.06, 0.06),
        (0.04, 0.08, 0.03, 0.05, 0.74, 0.03, 0.02, 0.01), (3.2, 2.0, 3.5, 1.6, 4.4, 2.0, 2.4), (18,
        34),
    ),
    Persona(
        "family_planner", 0.18, 0.76, 0.32, 0.15, 2.0, 0.4, 28, 0.007, 0.34, 0.34, 0.35, 0.35,
        0.007, 0.05,
        0.02, -0.4, 3.2, 0.05, (9.0, 1.6), 0.6, (0.40, 0.30, 0.30),
        (0.02, 0.04, 0.28, 0.02, 0.02, 0.60, 0.01, 0.01), (3.6, 3.6, 2.4, 3.0, 2.0, 3.4, 1.7), (28,
        48),
    ),
    Persona(
        "conscious_researcher", 0.14, 0.58, 0.17, 0.14, 3.8, 1.6, 75, 0.018, 0.26, 0.22, 0.15, 0.22,
        0.009, 0.12,
        0.05, 0.2, 1.4, 0.02, (16.0, 2.4), 2.4, (0.12, 0.78, 0.10),
        (0.03, 0.01, 0.08, 0.01, 0.02, 0.01, 0.42, 0.42), (2.8, 2.8, 3.2, 4.8, 1.3, 4.8, 1.9), (30,
        70),
    ),
)  # fmt: skip


def column(name: str) -> Floats:
    """One number of every persona, as an array indexed by persona."""
    return np.array([getattr(persona, name) for persona in PERSONAS], dtype=np.float64)


def hours() -> Floats:
    """Weight of each local hour (columns) for each persona (rows): a bell around the peak on a low
    floor.
    """
    clock = np.arange(24) + 0.5
    rows = []
    for persona in PERSONAS:
        centre, width = persona.peak
        apart = np.abs(clock - centre)
        apart = np.minimum(apart, 24 - apart)
        awake = np.where((clock > 6) & (clock < 23.6), 0.04, 0.005)
        rows.append(np.exp(-0.5 * (apart / width) ** 2) + awake)
    table = np.array(rows)
    weights: Floats = table / table.sum(axis=1, keepdims=True)
    return weights


def weekdays() -> Floats:
    """Weight of each weekday, Monday first (columns), for each persona (rows); the mean of a row is
    one.
    """
    table = np.ones((len(PERSONAS), 7))
    table[:, 5:] = column("weekend")[:, None]
    weights: Floats = table / table.mean(axis=1, keepdims=True)
    return weights
