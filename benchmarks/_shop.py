"""A simulated shop whose truth is known, and a lake with its features and the models asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from segmentry import warehouse
from segmentry.settings import Settings
from segmentry.stages import STAGES, RunContext


def simulated(folder: Path, people: int, days: int, seed: int) -> Path:
    """The shop's files, with the truth next to them."""
    shop = folder / "shop"
    words = [
        "simulate",
        "--people",
        str(people),
        "--days",
        str(days),
        "--seed",
        str(seed),
        "--out",
        str(shop),
    ]
    subprocess.run([sys.executable, "-c", "from cli.main import main; main()", *words], check=True)
    return shop


def built(home: Path, shop: Path, models: Sequence[str]) -> RunContext:
    """A lake with the shop's features, and these models trained and scored."""
    os.environ["SEGMENTRY_INBOX"] = str(shop)
    settings = Settings.from_environment({**os.environ, "SEGMENTRY_HOME": str(home)})
    warehouse.prepare(settings)
    context = RunContext(settings)
    for stage in STAGES:
        items = models if stage.name in {"train", "score"} else stage.item_names(context)
        for item in items or [None]:  # type: ignore[list-item]
            print(
                stage.name, item or "", *stage.run(context, item).notes, file=sys.stderr, flush=True
            )
        if stage.name == "score":
            break
    return context


def owners(shop: Path) -> str:
    """SQL of ``profile_id, person_id``: whose identifiers each profile has most of."""
    return f"""
        select profile_id, mode(person_id order by person_id) as person_id
        from identity.identifier_mapping
        inner join '{shop}/truth/identifiers.parquet' as truth using (identifier_type, identifier)
        where not truth.is_shared
        group by profile_id
    """
