"""The number of personas: planted groups of unequal sizes and distances are found as they are, and
one cloud is not cut into groups that are there.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ml import threads
from ml.estimators import Matrix
from ml.fit import clusterers, clustering, separation
from ml.fit.clustering import Choice
from ml.models.personas import MODEL
from ml.policy import TrainingPolicy
from ml.spec import PersonaSpec

POLICY = TrainingPolicy()
OWN = replace(MODEL, rivals=())
assert isinstance(OWN, PersonaSpec)


def _cloud(seed: int, sizes: list[int], width: int = 6) -> Matrix:
    """Groups of spread 1: the first two are 5 apart, and each further one twice as far away."""
    random = np.random.default_rng(seed)
    axes = np.linalg.qr(random.normal(size=(width, width)))[0]
    middles = np.zeros((len(sizes), width))
    for number in range(1, len(sizes)):
        middles[number] = axes[number] * 5.0 * 2 ** (number - 1)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    rows: Matrix = middles[groups] + random.normal(size=(len(groups), width))
    return rows


def _found(rows: Matrix, spec: PersonaSpec = OWN) -> tuple[Choice, list[Choice]]:
    with threads.limited(POLICY):
        found = clustering.choices(spec, rows, POLICY)
    return clustering.best_of(found, POLICY), found


@pytest.mark.parametrize(
    "sizes", [[60, 120, 220], [220, 60, 120], [50, 70, 200, 100], [40, 160, 60, 80, 60]]
)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_groups_of_unequal_sizes_and_distances_are_found_as_planted(
    sizes: list[int], seed: int
) -> None:
    best, found = _found(_cloud(seed, sizes))
    assert best.clusters == len(sizes), [(c.clusters, c.silhouette, c.valley) for c in found]
    assert best.is_apart


def test_silhouette_alone_would_merge_the_two_that_are_near() -> None:
    best, found = _found(_cloud(4, [80, 80, 120, 120]))
    assert best.clusters == 4
    assert max(found, key=lambda c: c.silhouette).clusters == 3
    why = clustering.reason(found, best, POLICY)
    assert why.startswith("4 is the largest number of groups that are all apart")
    assert "Of 5 groups, " in why


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_one_cloud_has_no_groups_that_are_apart(seed: int) -> None:
    best, found = _found(_cloud(seed, [300]))
    assert not any(choice.is_apart for choice in found)
    why = clustering.reason(found, best, POLICY)
    assert why.startswith("No number of groups is apart on people that a fit has not seen")


def test_a_valley_is_one_without_a_gap_and_none_without_people_between() -> None:
    random = np.random.default_rng(5)
    cloud = random.normal(size=4_000)
    assert separation.valley(cloud[cloud < 0], cloud[cloud >= 0]) > 0.95
    assert separation.valley(cloud, cloud[:400] + 12) < 0.01
    assert separation.valley(np.zeros(40), np.ones(40)) < 0.01
    assert separation.valley(np.zeros(40), np.zeros(40)) == 1.0


def test_every_way_to_group_is_shown_next_to_the_others() -> None:
    best, found = _found(_cloud(6, [60, 120, 120]), MODEL)
    assert {choice.algorithm for choice in found} == {"own", *clusterers.ALGORITHMS}
    assert best.clusters == 3


def test_a_number_of_groups_outside_the_spec_s_range_is_shown_and_not_taken() -> None:
    best, found = _found(_cloud(7, [150, 150]), replace(MODEL, clusters=(3, 4)))
    (density,) = [choice for choice in found if choice.algorithm == "density"]
    assert density.clusters == 2
    assert not density.is_wanted
    assert best.clusters in (3, 4)
    sure = replace(density, stability=1.0, silhouette=0.9, recurrence=1.0, valley=0.0)
    assert clustering.best_of([sure, best], POLICY) is best
    assert clustering.best_of([replace(sure, is_wanted=True), best], POLICY).clusters == 2
