"""Profiles of a shop with hard cases against the truth, for five seeds: pairwise F1, and people
whose profile is of another person too.

`SEGMENTRY_BENCH_SEEDS` (default `1 2 3 4 5`) and `SEGMENTRY_BENCH_PEOPLE` (default 300) choose the
shops.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from segmentry import warehouse
from segmentry.settings import ROOT, Settings

_SCORE = """
with known as (
    select person_id, profile_id
    from read_parquet('{truth}/identifiers.parquet') as stated
    inner join identity.identifier_mapping using (identifier_type, identifier)
    left join read_parquet('{truth}/hard.parquet') as hard using (person_id)
    where is_linkable and not is_shared and (hard.person_id is not null) = {is_hard}
),
both_ways as (select count(*) as n from known group by person_id, profile_id),
people as (
    select count(*) as n, count(distinct profile_id) as profiles from known group by person_id
),
profiles as (
    select count(*) as n, count(distinct person_id) as people from known group by profile_id
)
select
    (select count(*) from people) as people,
    round(2 * (select sum(n * (n - 1)) from both_ways)
        / ((select sum(n * (n - 1)) from people) + (select sum(n * (n - 1)) from profiles)), 5)
        as pairwise_f1,
    (select coalesce(sum(people), 0) from profiles where people > 1) as over_merged,
    (select count(*) from people where profiles > 1) as split
"""


def run() -> dict[str, Any]:
    """Per seed: of the shop and of the hard cases, people, pairwise F1, over-merged and split."""
    people = os.environ.get("SEGMENTRY_BENCH_PEOPLE", "300")
    seeds = os.environ.get("SEGMENTRY_BENCH_SEEDS", "1 2 3 4 5").split()
    return {f"seed_{seed}": measured(seed, people) for seed in seeds}


def measured(seed: str, people: str, days: str = "30") -> dict[str, Any]:
    """One shop, resolved from the beginning."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "shop"
        environment = {
            **os.environ, "SEGMENTRY_HOME": f"{folder}/home", "PYTHONPATH": str(ROOT),
        }  # fmt: skip
        shape = ["--people", people, "--days", days, "--seed", seed]
        _call(environment, "simulate", *shape, "--hard", "--out", str(data))
        _call(environment, "load", "--from", str(data))
        for stage in ("staging", "clock", "identity"):
            _call(environment, "run", "--no-airflow", "--select", stage)
        with warehouse.connect(Settings.from_environment(environment), read_only=True) as lake:
            return {
                name: warehouse.records(lake, _SCORE.format(truth=data / "truth", is_hard=is_hard))[
                    0
                ]
                for name, is_hard in (("shop", False), ("hard", True))
            }


def _call(environment: dict[str, str], *words: str) -> None:
    command = [sys.executable, "-c", "from cli.main import main; main()", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"segmentry {words[0]} failed: {done.stderr[-800:]}")
