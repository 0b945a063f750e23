"""What is true of every shop after its whole job, however little it has: for tests of such
shops.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tests.e2e import _degenerate
from tests.e2e._job import Installation

SILENT = ("--as-of", "2027-07-01T00:00:00")
MODELS = {"churn", "clv", "next_category", "next_order", "personas", "uplift", "upsell"}
PROBABILITIES = ("churn", "upsell", "next_category")


@dataclass(frozen=True)
class Shop:
    """A shop after its whole job: its files, its home, and what the run printed."""

    name: str
    files: Path
    home: Installation
    printed: str


def simulated(folder: Path, people: int, days: int) -> Path:
    """The files of a simulated shop."""
    Installation(folder / "home").call(
        "simulate", "--people", str(people), "--days", str(days), "--seed", "5", "--out",
        str(folder / "shop"),
    )  # fmt: skip
    return folder / "shop"


def after_its_job(name: str, files: Path, folder: Path) -> Shop:
    """The shop of that name, loaded and run."""
    _degenerate.write(files, folder / "files", name)
    home = Installation(folder / "home")
    home.call("load", "--from", str(folder / "files"))
    printed = home.call(
        "run", "--no-airflow", "--output", "json", *(SILENT if name == "silence" else ())
    )
    return Shop(name, folder / "files", home, printed)


def check_orders(shop: Shop) -> None:
    """Every order that landed is in the marts, or in quarantine, or a copy of another."""
    (row,) = shop.home.query(
        "select coalesce(sum(landed), 0) as landed, coalesce(sum(accepted), 0) as accepted,"
        " coalesce(sum(quarantined + duplicates), 0) as others"
        " from staging.landing_balance where source = 'orders'"
    )
    assert row["landed"] == row["accepted"] + row["others"]
    known = shop.home.value("select count(*) from marts.orders")
    assert _degenerate.orders(shop.files) - row["others"] <= known <= row["accepted"]
    assert shop.home.value("select count(*) from profiles.profiles") > 0


def check_numbers(shop: Shop) -> None:
    """No value of a profile or of a score is infinite or no number."""
    columns = [
        str(row["column_name"])
        for row in shop.home.query("describe profiles.profiles")
        if row["column_type"] in {"DOUBLE", "FLOAT"}
    ]
    faulty = " + ".join(
        f"count(*) filter (where isnan({name}) or isinf({name}))" for name in columns
    )
    assert shop.home.value(f"select {faulty} from profiles.profiles") == 0
    if "ml.scores" in _relations(shop):
        odd = "isnan(score) or isinf(score) or score < 0"
        over = f"model in {PROBABILITIES!r} and score > 1"
        where = f"where {odd} or ({over})"
        assert shop.home.value(f"select count(*) from ml.scores {where}") == 0


def check_models(shop: Shop) -> set[str]:
    """Each model has scores, or a reason why not; those that have some."""
    listed = json.loads(shop.home.call("models", "list", "--output", "json"))
    assert {row["model"] for row in listed} == MODELS
    stages = json.loads(shop.printed)["stages"]
    for model in sorted(MODELS):
        notes = " ".join(stage["notes"] for stage in stages if f"[{model}]" in stage["stage"])
        print(shop.name, model, notes)
        assert notes or _scores(shop, model), f"{model} is neither scored nor refused with a reason"
    return {model for model in MODELS if _scores(shop, model)}


def check_segments(shop: Shop) -> None:
    """Segments have sizes that the shop can have."""
    sizes = {
        row["segment"]: row["members"]
        for row in json.loads(shop.home.call("segments", "list", "--output", "json"))
    }
    people = shop.home.value("select count(*) from profiles.profiles")
    print(shop.name, people, {name: size for name, size in sizes.items() if size})
    assert all(0 <= size <= people for size in sizes.values())
    buyers = shop.home.value(
        "select count(distinct profile_id) from marts.orders"
        " where not is_cancelled and profile_id is not null"
    )
    if shop.name in {"all_cancelled", "no_order"}:
        assert buyers == 0
    assert sum(sizes.values()) > 0


def _scores(shop: Shop, model: str) -> int:
    if model == "personas":
        return _count(shop, "ml.cluster_assignments", "true")
    return _count(shop, "ml.scores", f"model = '{model}'")


def _count(shop: Shop, relation: str, where: str) -> int:
    if relation not in _relations(shop):
        return 0
    return int(shop.home.value(f"select count(*) from {relation} where {where}"))


def _relations(shop: Shop) -> set[str]:
    return {
        f"{row['table_schema']}.{row['table_name']}"
        for row in shop.home.query("select table_schema, table_name from information_schema.tables")
    }
