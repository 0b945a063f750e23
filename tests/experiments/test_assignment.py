"""Assignment is stable, equal in three languages, and moves only the people it must."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable

import duckdb
import pytest

from experiments import assignment
from segmentry.settings import ROOT

RANDOM = random.Random(7)
IDS = [f"{RANDOM.getrandbits(128):032x}" + "é" * (n % 40) for n in range(10_000)]
WEIGHTS = {"a": 50.0, "b": 30.0, "c_2": 20.0, "off": 0.0}

# For each id its share, its variant, and whether it is within the layer's part.
Vectors = list[tuple[float, str, bool]]


def in_python() -> Vectors:
    return [
        (
            assignment.share(one),
            assignment.variant("spring", WEIGHTS, one),
            assignment.is_within("home", 0.2, 0.7, one),
        )
        for one in IDS
    ]


def in_sql() -> Vectors:
    sql = (
        f"select {assignment.share_sql('id')}, {assignment.variant_sql('spring', WEIGHTS, 'id')},"
        f" {assignment.within_sql('home', 0.2, 0.7, 'id')}"
        " from (select unnest(?::varchar[]) as id, unnest(range(10000)) as n) order by n"
    )
    return [(float(s), v, w) for s, v, w in duckdb.connect().execute(sql, [IDS]).fetchall()]


def in_javascript() -> Vectors:
    script = f"""
        const made = require({json.dumps(str(ROOT / "experiments/assignment.js"))});
        const ids = JSON.parse(require("fs").readFileSync(0, "utf8"));
        const weights = {json.dumps(WEIGHTS)};
        console.log(JSON.stringify(ids.map((id) => [made.share(id),
            made.variant("spring", weights, id), made.isWithin("home", 0.2, 0.7, id)])));"""
    done = subprocess.run(
        ["node", "-e", script], input=json.dumps(IDS), capture_output=True, text=True, check=True
    )
    return [(s, v, w) for s, v, w in json.loads(done.stdout)]


@pytest.mark.parametrize(
    "other",
    [
        in_sql,
        pytest.param(
            in_javascript,
            marks=pytest.mark.skipif(not shutil.which("node"), reason="Node is not installed"),
        ),
    ],
)
def test_10_000_ids_are_assigned_equally(other: Callable[[], Vectors]) -> None:
    assert other() == in_python()


def test_known_vectors() -> None:
    # The MD5 of the empty text begins with d41d8cd9.
    assert assignment.share("") == (0xD41D8CD9 + 0.5) / 2**32


def test_shares_are_those_of_the_weights() -> None:
    counted = Counter(assignment.variant("autumn", WEIGHTS, one) for one in IDS)
    assert counted["off"] == 0
    for name, weight in (("a", 0.5), ("b", 0.3), ("c_2", 0.2)):
        # Five standard errors of a share of 10,000.
        assert abs(counted[name] / len(IDS) - weight) < 0.025


@pytest.mark.parametrize(
    ("after", "gaining"),
    [({"a": 50.0, "b": 30.0, "c_2": 40.0}, "c_2"), ({**WEIGHTS, "new": 15.0}, "new")],
)
def test_a_grown_weight_moves_people_into_it_alone(after: dict[str, float], gaining: str) -> None:
    moved = 0
    for one in IDS:
        before = assignment.variant("s", WEIGHTS, one)
        now = assignment.variant("s", after, one)
        if before != now:
            assert now == gaining
            moved += 1
    grown = after[gaining] - WEIGHTS.get(gaining, 0)
    others = 100 - WEIGHTS.get(gaining, 0)
    assert moved / len(IDS) == pytest.approx(grown / sum(after.values()) * others / 100, abs=0.02)


def test_another_salt_draws_independently() -> None:
    weights = {"x": 1.0, "y": 1.0}
    both = Counter(
        (assignment.variant("one", weights, i), assignment.variant("two", weights, i)) for i in IDS
    )
    assert all(abs(count / len(IDS) - 0.25) < 0.025 for count in both.values())
    assert len(both) == 4
