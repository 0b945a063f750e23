"""Profiles against the simulator's truth: shared devices, typos, guests and a kiosk, and the hard
cases of `simulate --hard`, with the default policy.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from segmentry import warehouse
from segmentry.settings import Settings
from tests.e2e._job import Installation

pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Installation, Path]:
    """A small shop with hard cases, loaded and resolved."""
    folder = tmp_path_factory.mktemp("identity_truth")
    installation = Installation(folder / "home")
    data = folder / "shop"
    installation.call(
        "simulate", "--people", "1200", "--days", "60", "--seed", "11", "--hard", "--out", str(data)
    )
    installation.call("load", "--from", str(data))
    for stage in ("staging", "clock", "identity"):
        installation.call("run", "--no-airflow", "--select", stage)
    return installation, data / "truth" / "identifiers.parquet"


def rows(installation: Installation, sql: str) -> list[dict[str, Any]]:
    """Rows of a query that also reads the truth, a file that `segmentry query` would refuse."""
    settings = Settings.from_environment({**os.environ, "SEGMENTRY_HOME": str(installation.home)})
    with warehouse.connect(settings, read_only=True) as lake:
        return warehouse.records(lake, sql)


def score(installation: Installation, truth: Path, people: str) -> dict[str, Any]:
    """Pairs over the identifiers that are of one person and that some record links.

    people: which people of the truth, a condition on the case of each (NULL for one of the shop).
    """
    hard = truth.with_name("hard.parquet")
    (found,) = rows(
        installation,
        f"""with known as (
            select person_id, profile_id
            from read_parquet('{truth}') as stated
            inner join identity.identifier_mapping using (identifier_type, identifier)
            left join read_parquet('{hard}') as hard using (person_id)
            where is_linkable and not is_shared and {people}
        ),
        both_ways as (select count(*) as n from known group by person_id, profile_id),
        people as (select count(*) as n from known group by person_id),
        profiles as (select count(*) as n, count(distinct person_id) as people from known
            group by profile_id)
        select
            (select sum(n * (n - 1)) from both_ways) as right_pairs,
            (select sum(n * (n - 1)) from people) as true_pairs,
            (select sum(n * (n - 1)) from profiles) as found_pairs,
            (select count(*) from people) as people,
            (select coalesce(sum(people), 0) from profiles where people > 1) as over_merged""",
    )
    f1 = 2 * found["right_pairs"] / (found["true_pairs"] + found["found_pairs"])
    print(f"pairwise F1 {f1:.5f}; {found['over_merged']} of {found['people']} people over-merged")
    return {**found, "f1": f1}


def test_profiles_are_the_people(shop: tuple[Installation, Path]) -> None:
    """Pairwise over the identifiers that are of one person and that some record links."""
    found = score(*shop, "hard.person_id is null")
    assert found["people"] >= 1000, "in a smaller shop one in a thousand is less than one"
    assert found["f1"] >= 0.99
    assert found["over_merged"] < 0.001 * found["people"]


def test_hard_cases_are_the_people(shop: tuple[Installation, Path]) -> None:
    found = score(*shop, "hard.case is not null")
    assert found["people"] >= 1800
    assert found["f1"] == 1
    assert found["over_merged"] == 0


def test_no_accepted_identifier_is_left_out(shop: tuple[Installation, Path]) -> None:
    installation, truth = shop
    (missing,) = rows(
        installation,
        f"""select count(*) as missing from read_parquet('{truth}')
        anti join identity.identifier_mapping using (identifier_type, identifier)
        anti join (select identifier_type, value as identifier from identity.refused_identifiers)
            as refused
            using (identifier_type, identifier)
        where is_linkable""",
    )
    assert missing == {"missing": 0}
