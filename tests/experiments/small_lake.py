"""A lake with the few relations that measurement reads, and people whose answers are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from segmentry import warehouse
from segmentry.settings import ROOT, Settings

START = datetime(2026, 3, 1)
TABLES = {
    "observability.clock": "as_of timestamp, is_given boolean",
    "audiences.candidates": "sync varchar, profile_id varchar, verdict varchar",
    "marts.orders": (
        "order_id varchar, profile_id varchar, ordered_at timestamp, is_cancelled boolean,"
        " net_revenue double"
    ),
    "marts.consents": ("profile_id varchar, purpose varchar, status varchar, decided_at timestamp"),
    "marts.messages": (
        "message_id varchar, profile_id varchar, event_type varchar, occurred_at timestamp"
    ),
    "identity.profile_resolution": "profile_id varchar, current_profile_id varchar",
}


def sync_file(config: Path, name: str, *, share: float = 0.5, salt: str = "spring") -> None:
    """A file sync, with a hold-out unless share is 0."""
    content = yaml.safe_load((ROOT / "config/syncs/newsletter_file.yml").read_text("utf-8"))
    content |= {"name": name, "hold_out": {"share": share, "salt": salt}}
    if not share:
        del content["hold_out"]
    (config / "syncs").mkdir(parents=True, exist_ok=True)
    (config / "syncs" / f"{name}.yml").write_text(yaml.safe_dump(content), encoding="utf-8")


def home(place: Path) -> Settings:
    """An empty home of its own, with the metrics and policies of the product."""
    settings = Settings.from_environment({"SEGMENTRY_HOME": str(place / "home")})
    config = place / "config"
    config.mkdir()
    (config / "policies.yml").write_text((ROOT / "config/policies.yml").read_text("utf-8"))
    settings = replace(settings, config=config)
    warehouse.prepare(settings)
    with warehouse.connect(settings) as lake:
        for name, columns in TABLES.items():
            lake.execute(f"create table lake.{name} ({columns})")
    set_clock(settings, START)
    return settings


def set_clock(settings: Settings, as_of: datetime) -> None:
    with warehouse.connect(settings) as lake:
        lake.execute("delete from lake.observability.clock")
        lake.execute("insert into lake.observability.clock values (?, true)", [as_of])


def add(settings: Settings, relation: str, rows: Sequence[tuple[object, ...]]) -> None:
    """Append rows given as tuples in the relation's order of columns."""
    with warehouse.connect(settings) as lake:
        frame = pd.DataFrame(list(rows))
        lake.register("added", frame)
        lake.execute(f"insert into lake.{relation} select * from added")
        lake.unregister("added")


def candidates(settings: Settings, sync: str, sent: int, held_out: int) -> list[str]:
    """People of a sync; the first ones are sent. Returns their ids."""
    ids = [f"p{number:05d}" for number in range(sent + held_out)]
    verdicts = ["eligible"] * sent + ["held_out"] * held_out
    rows = [(sync, one, verdict) for one, verdict in zip(ids, verdicts, strict=True)]
    add(settings, "audiences.candidates", rows)
    return ids


def orders(
    settings: Settings, ids: Sequence[str], amounts: Sequence[float], at: datetime, tag: str
) -> None:
    """One order for each person and amount."""
    rows = [
        (f"{tag}{number}", one, at + timedelta(seconds=number), False, float(amount))
        for number, (one, amount) in enumerate(zip(ids, amounts, strict=True))
    ]
    add(settings, "marts.orders", rows)


def amounts(seed: int, people: int, mean: float) -> np.ndarray:
    return np.random.default_rng(seed).gamma(4, mean / 4, people)
