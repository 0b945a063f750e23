"""Personas next to the truth of a simulated shop, and their names through twenty trainings on
resampled people.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import _shop
from ml import threads
from ml.data import frames
from ml.personas import grouping
from ml.policy import DriftPolicy, TrainingPolicy
from ml.registry.catalogue import spec_named
from ml.spec import PersonaSpec
from segmentry import clock, warehouse
from segmentry.settings import switch_off_telemetry
from segmentry.stages import RunContext
from tests.ml.test_names import Retrained

PEOPLE = int(os.environ.get("SEGMENTRY_BENCH_PERSONAS_PEOPLE", "5000"))
DAYS = int(os.environ.get("SEGMENTRY_BENCH_PERSONAS_DAYS", "180"))
SEED = 1
RETRAINS = 20
AIMED_AGREEMENT = 0.8
AIMED_KEPT = 0.95


def run() -> dict[str, Any]:
    """Simulate a shop, build its features, group its people, and compare with the truth."""
    switch_off_telemetry()
    with tempfile.TemporaryDirectory() as folder:
        shop = _shop.simulated(Path(folder), PEOPLE, DAYS, SEED)
        return measured(_shop.built(Path(folder) / "home", shop, ["personas"]), shop)


def measured(context: RunContext, shop: Path) -> dict[str, Any]:
    """Agreement of the groups with the true personas (adjusted Rand index), and how many people
    keep their name.
    """
    from sklearn.metrics import adjusted_rand_score

    with warehouse.connect(context.settings, read_only=True) as lake:
        rows = lake.execute(
            f"""
            with owners as ({_shop.owners(shop)})
            select given.persona as given, given.confidence, given.status, people.persona
            from ml.cluster_assignments as given
            inner join owners using (profile_id)
            inner join '{shop}/truth/people.parquet' as people using (person_id)
            where given.as_of = ? and people.persona is not null
            """,
            [clock.of(context)],
        ).df()
    members = rows[rows["status"] == "member"]
    return {
        "people": len(rows),
        "agreement": round(float(adjusted_rand_score(rows["persona"], rows["given"])), 3),
        "agreement_of_members": round(
            float(adjusted_rand_score(members["persona"], members["given"])), 3
        ),
        "members_share": round(len(members) / len(rows), 3),
        "aimed_agreement": AIMED_AGREEMENT,
        "table": pd.crosstab(rows["persona"], rows["given"]).to_dict("index"),
        "names": kept(context),
    }


def kept(context: RunContext) -> dict[str, Any]:
    """Share of people that keep their first name, after each of the trainings on resampled people.

    Every training becomes the champion, however little it improves on the last: a job would refuse
    most of them. As scored, people on a border keep their previous persona; by the groups alone
    each person has the most likely one.
    """
    spec = spec_named("personas")
    policy = TrainingPolicy.read(context.settings)
    assert isinstance(spec, PersonaSpec)
    with frames.published(context.settings) as (lake, _):
        people, feature_set = grouping.load(lake, spec, clock.of(context), policy)
    with threads.limited(policy):
        one = Retrained(spec, feature_set, people, policy, DriftPolicy.read(context.settings))
        found = [one.train_again() for _ in range(RETRAINS)]
    shares = {
        "as_scored": [scored for scored, _ in found],
        "by_groups_alone": [alone for _, alone in found],
    }
    worst = {
        name: {"worst": min(each), "mean": float(np.mean(each))} for name, each in shares.items()
    }
    return {"retrains": RETRAINS, "aimed": AIMED_KEPT, **worst, "chosen": one.chosen, "all": shares}


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
