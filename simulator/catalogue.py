"""What the shop sells: the same products in every simulation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import numpy as np

from simulator.arrays import Floats, Ints
from simulator.personas import CATEGORIES, PERSONAS

CURRENCY = "EUR"
_KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...], float]] = {
    "Electronics": (
        ("Audio", "Phones", "Computing"),
        ("Headphones", "Speaker", "Phone", "Laptop", "Tablet"),
        220.0,
    ),
    "Fashion": (
        ("Shoes", "Tops", "Accessories"),
        ("Sneakers", "Shirt", "Dress", "Belt", "Jacket"),
        55.0,
    ),
    "Home": (("Kitchen", "Living", "Bedding"), ("Pan", "Lamp", "Blanket", "Chair", "Kettle"), 45.0),
    "Beauty": (("Skin", "Fragrance", "Hair"), ("Serum", "Perfume", "Mask", "Cream", "Oil"), 40.0),
    "Sports": (
        ("Running", "Yoga", "Cycling"),
        ("Shorts", "Mat", "Helmet", "Bottle", "Gloves"),
        38.0,
    ),
    "Toys": (("Building", "Games", "Baby"), ("Blocks", "Puzzle", "Doll", "Train", "Rattle"), 28.0),
    "Books": (
        ("Fiction", "Science", "Cooking"),
        ("Novel", "Atlas", "Guide", "Handbook", "Reader"),
        19.0,
    ),
    "Garden": (
        ("Plants", "Tools", "Outdoor"),
        ("Seeds", "Spade", "Planter", "Hose", "Bench"),
        33.0,
    ),
}
_BRANDS = ("Alder", "Brill", "Corvo", "Dunmere", "Everly", "Fjord", "Galant", "Halden")
_LUXURY_BRANDS = ("Maison Aurelle", "Veracci", "Lindqvist & Sons")
_STYLES = ("Classic", "Nova", "Prime", "Terra", "Lite", "Studio", "Urban", "Aero")
PER_CATEGORY = 40


@dataclass(frozen=True)
class Catalogue:
    """The products, one per position of each array or list; taste[p] is persona p's cumulated
    weights.
    """

    ids: list[str]
    names: list[str]
    categories: Ints
    subcategories: list[str]
    brands: list[str]
    prices: Floats
    costs: Floats
    is_luxury: Ints
    taste: Floats

    def __len__(self) -> int:
        return len(self.ids)


def build() -> Catalogue:
    """Every product, drawn from a fixed stream: the catalogue does not depend on the simulation's
    seed.
    """
    rng = np.random.default_rng(20_260_101)
    size = PER_CATEGORY * len(CATEGORIES)
    categories = np.repeat(np.arange(len(CATEGORIES)), PER_CATEGORY)
    is_luxury = (np.arange(size) % PER_CATEGORY >= PER_CATEGORY - 8).astype(np.int64)
    base = np.array([_KINDS[name][2] for name in CATEGORIES])[categories]
    prices = (
        np.round(base * np.exp(rng.normal(0, 0.45, size)) * np.where(is_luxury, 5.0, 1.0)) - 0.01
    )
    prices = np.maximum(prices, 3.99)
    names = []
    subs = []
    brands = []
    for at, category in enumerate(categories.tolist()):
        kinds, things, _ = _KINDS[CATEGORIES[category]]
        brand = (
            _LUXURY_BRANDS[at % 3] if is_luxury[at] else _BRANDS[int(rng.integers(len(_BRANDS)))]
        )
        brands.append(brand)
        names.append(f"{brand} {_STYLES[at % 8]} {things[at % 5]}")
        subs.append(kinds[at % 3])
    costs = np.round(prices * rng.uniform(0.42, 0.68, size), 2)
    ids = [f"P{at + 1:04d}" for at in range(size)]
    taste = _taste(categories, is_luxury, prices / base)
    return Catalogue(ids, names, categories, subs, brands, prices, costs, is_luxury, taste)


def _taste(categories: Ints, is_luxury: Ints, relative: Floats) -> Floats:
    rows = []
    for persona in PERSONAS:
        weight = np.array(persona.categories)[categories] / PER_CATEGORY
        weight = weight * np.where(is_luxury, persona.luxury * 5.0, (1 - persona.luxury) * 1.25)
        weight = weight * np.where(is_luxury, 1.0, np.exp(persona.price * np.log(relative)))
        rows.append(np.cumsum(weight) / weight.sum())
    return np.array(rows)


def draw(catalogue: Catalogue, rng: np.random.Generator, personas: Ints) -> Ints:
    """One product for each given persona, by its taste."""
    drawn = np.empty(len(personas), dtype=np.int64)
    chances = rng.random(len(personas))
    for persona in range(len(PERSONAS)):
        mine = personas == persona
        drawn[mine] = np.searchsorted(catalogue.taste[persona], chances[mine], side="right")
    return np.minimum(drawn, len(catalogue) - 1)


def rows(catalogue: Catalogue, first_day: date) -> list[list[str]]:
    """The products as rows of products.csv; all were created in the year before the simulation."""
    listed = []
    for at, key in enumerate(catalogue.ids):
        created = datetime.combine(first_day, time(9)) - timedelta(days=30 + at)
        stamp = created.isoformat(timespec="milliseconds") + "Z"
        category = CATEGORIES[int(catalogue.categories[at])]
        listed.append([
            key, f"SKU-{at + 1:05d}", catalogue.names[at], category, catalogue.subcategories[at],
            catalogue.brands[at],
            f"{catalogue.prices[at]:.2f}", f"{catalogue.costs[at]:.2f}", CURRENCY,
            "true" if catalogue.is_luxury[at] else "false", "true", stamp, stamp,
        ])  # fmt: skip
    return listed
