"""What Airflow adds to the main job: the chain of DAGs against the bare stage functions, on the
same shop.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

# What the design allows the chain to take, relative to the bare functions.
ALLOWED = 1.5
PEOPLE = 5_000
DAYS = 180
SEED = 1


def run() -> dict[str, Any]:
    """Run the job twice in each of two homes: on an empty home, and again without new data."""
    with tempfile.TemporaryDirectory() as folder:
        bare = _runs(Path(folder) / "bare", "--no-airflow")
        chain = _runs(Path(folder) / "airflow", "--airflow")
    first, again = (
        {
            "bare_seconds": without["chain_seconds"],
            "airflow_chain_seconds": through["chain_seconds"],
            "airflow_total_seconds": through["seconds"],
            "ratio": round(through["chain_seconds"] / without["chain_seconds"], 2),
        }
        for without, through in zip(bare, chain, strict=True)
    )
    return {
        "people": PEOPLE,
        "days": DAYS,
        "allowed_ratio": ALLOWED,
        "first": first,
        "again": again,
    }


def _runs(home: Path, way: str) -> list[dict[str, Any]]:
    words = [
        sys.executable,
        "-c",
        "from cli.main import main; main()",
        "demo",
        way,
        "--output",
        "json",
    ]
    words += ["--people", str(PEOPLE), "--days", str(DAYS), "--seed", str(SEED)]
    environment = {**os.environ, "SEGMENTRY_HOME": str(home)}
    summaries = []
    for _ in range(2):
        done = subprocess.run(words, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        summaries.append(json.loads(done.stdout))
    return summaries
