"""A small lake with features, orders and plans as the models read them, with known truth."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from ml.registry import catalogue
from ml.spec import ModelSpec
from segmentry import warehouse
from segmentry.settings import Settings, switch_off_telemetry

CLOCK = datetime(2026, 7, 1)
DAYS_BACK = (284, 187, 90, 0)  # outcomes of 90 days and an embargo of 7 lie between two times
TASTES = ("Books", "Electronics", "Toys")


def people(size: int, seed: int = 1) -> pd.DataFrame:
    """Latent truth: a persona, and a weekly rate of orders that ends when the person has left."""
    random = np.random.default_rng(seed)
    persona = random.integers(0, 3, size)
    started = random.uniform(-300, 140, size)
    return pd.DataFrame(
        {
            "profile_id": [f"p{n:06d}" for n in range(size)],
            "persona": persona,
            "rate": 0.04,
            # How long people stay depends on the persona, which their features show and their last
            # order does not.
            "leaves_on": started + random.exponential(np.array([40, 200, 800])[persona]),
            "started_on": started,
        }
    )


def orders(truth: pd.DataFrame, seed: int = 2) -> pd.DataFrame:
    """Orders of 200 days before the oldest as_of and up to the clock."""
    random = np.random.default_rng(seed)
    rows = []
    for person in truth.itertuples():
        day = float(person.started_on)
        while day < min(150, person.leaves_on):
            rows.append((person.profile_id, day, float(random.gamma(4, 10 + 10 * person.persona))))
            day += random.exponential(1 / person.rate)
    made = pd.DataFrame(rows, columns=["profile_id", "day", "net_revenue"])
    made["ordered_at"] = pd.to_datetime(CLOCK - timedelta(days=150)) + pd.to_timedelta(
        made["day"], unit="D"
    ).dt.round("s")
    return made


def features(truth: pd.DataFrame, bought: pd.DataFrame, seed: int = 3) -> pd.DataFrame:
    """What is known of each person before each as_of."""
    random = np.random.default_rng(seed)
    parts = []
    for back in DAYS_BACK:
        as_of = CLOCK - timedelta(days=back)
        known = bought[bought["ordered_at"] < as_of].groupby("profile_id")
        table = truth[["profile_id", "persona"]].merge(
            known.agg(
                orders_lifetime=("day", "size"),
                average_order_value=("net_revenue", "mean"),
                last=("ordered_at", "max"),
                first=("ordered_at", "min"),
            ).reset_index()
        )
        table["days_since_last_order"] = (as_of - table.pop("last")).dt.days
        table["days_since_first_order"] = (as_of - table.pop("first")).dt.days
        recent = bought[bought["ordered_at"].between(as_of - timedelta(days=90), as_of, "left")]
        table["revenue_90d"] = (
            table["profile_id"].map(recent.groupby("profile_id")["net_revenue"].sum()).fillna(0.0)
        )
        table["as_of"] = as_of
        parts.append(table)
    made = pd.concat(parts, ignore_index=True)
    persona = made.pop("persona").to_numpy()
    made["mobile_session_share_90d"] = np.clip(persona / 2 + random.normal(0, 0.1, len(made)), 0, 1)
    made["price_sensitivity"] = np.where(
        random.random(len(made)) < 0.2, np.nan, 5 - 2 * persona + random.normal(0, 0.5, len(made))
    )
    made["evening_session_share_90d"] = np.clip(
        (persona == 1) * 0.7 + random.normal(0.15, 0.08, len(made)), 0, 1
    )
    made["top_purchased_category"] = np.array(TASTES, dtype=object)[persona]
    made["last_country"] = random.choice(["DE", "FR", None], len(made))
    made["is_repeat_buyer"] = made["orders_lifetime"] > 1
    made["constant"] = 1.0
    made["never_known"] = np.full(len(made), np.nan)
    return made


def settings_of(folder: Path, **training: Any) -> Settings:
    """A home below the folder, with the product's policies but for these of training."""
    config = folder / "config"
    config.mkdir(parents=True)
    shipped = (Settings.from_environment({}).config / "policies.yml").read_text(encoding="utf-8")
    policies = yaml.safe_load(shipped)
    policies["training"] |= training
    (config / "policies.yml").write_text(yaml.safe_dump(policies), encoding="utf-8")
    settings = Settings.from_environment(
        {"SEGMENTRY_HOME": str(folder / "home"), "SEGMENTRY_CONFIG": str(config)}
    )
    warehouse.prepare(settings)
    return settings


def fill(settings: Settings, size: int = 1500, seed: int = 1) -> pd.DataFrame:
    """Write the lake and return the truth."""
    truth = people(size, seed)
    bought = orders(truth)
    known = features(truth, bought)
    spine = known[["profile_id", "as_of"]].assign(is_current=known["as_of"] == CLOCK)
    shop = [
        "profile_id",
        "as_of",
        "orders_lifetime",
        "average_order_value",
        "days_since_last_order",
        "days_since_first_order",
        "is_repeat_buyer",
        "revenue_90d",
    ]
    rest = ["profile_id", "as_of", *[c for c in known if c not in shop]]
    sales = bought.assign(is_cancelled=False)[
        ["profile_id", "ordered_at", "net_revenue", "is_cancelled"]
    ]
    write(settings, "features.spine", spine)
    write(settings, "features.features__orders", known[shop])
    write(settings, "features.features__behaviour", known[rest])
    lines = sales.assign(order_id=[f"o{n}" for n in range(len(sales))])
    write(settings, "marts.orders", lines)
    # What people buy follows their taste, but for every fifth line.
    liked = np.array(TASTES, dtype=object)[
        truth.set_index("profile_id").loc[lines["profile_id"], "persona"].to_numpy()
    ]
    other = np.random.default_rng(4).random(len(lines)) < 0.2
    items = lines[["order_id", "profile_id", "ordered_at"]].assign(
        category=np.where(other, "Garden", liked), amount=lines["net_revenue"]
    )
    write(settings, "marts.order_items", items)
    plans = pd.DataFrame(
        {"profile_id": ["x"], "plan": ["x"], "status": ["x"], "changed_at": [CLOCK]}
    ).iloc[:0]
    write(settings, "marts.subscription_changes", plans)
    write(settings, "observability.clock", pd.DataFrame({"as_of": [CLOCK], "is_given": [True]}))
    return truth


def write(settings: Settings, relation: str, rows: pd.DataFrame) -> None:
    """Replace a relation of the lake."""
    with warehouse.connect(settings) as lake:
        lake.register("incoming", rows)
        lake.execute(f"create or replace table lake.{relation} as select * from incoming")


def settings_in(folder: Path, size: int, **training: object) -> Settings:
    """A prepared home with a filled lake and a training policy of its own."""
    switch_off_telemetry()
    chosen = {"trials": 0, "resamples": 100, "min_rows": 200, **training}
    made = settings_of(folder, **chosen)
    if size:
        fill(made, size)
    return made


def churn() -> ModelSpec:
    """The spec of the shipped model."""
    spec = catalogue.spec_named("churn")
    assert isinstance(spec, ModelSpec)
    return spec


def rows(settings: Settings, sql: str) -> list[tuple[object, ...]]:
    """What a query of the lake returns."""
    with warehouse.connect(settings, read_only=True) as lake:
        return lake.execute(sql).fetchall()
