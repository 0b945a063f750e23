"""Whether groups are there, or are cuts through one cloud: refits to bootstrap samples, judged on
the people that each of them has not seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ml.estimators import Clusterer, Matrix
from ml.fit import clusterers
from ml.fit.clusterers import Groups
from ml.policy import TrainingPolicy

# Fits rows (with their places among all rows, and a number for the seed) and returns a model, or
# None if it finds no groups.
Way = Callable[[Matrix, Groups, int], Clusterer | None]

# bootstrap refits per choice; their mean agreement has a spread of about 0.02 on clear groups
RESAMPLES = 4
# Below this Jaccard similarity a group is not the same group (Hennig 2007, "Cluster-wise assessment
# of cluster stability").
LEAST_RECURRENCE = 0.75
# A cloud cut in two measured 0.7 and more, two normal groups that are 5 spreads apart 0.12, and 4
# spreads 0.37. A larger limit splits clouds, a smaller one merges groups that overlap.
HIGHEST_VALLEY = 0.5
# Kernel densities of a pair are judged on at most as many people.
SAMPLE = 1500
# With fewer unseen people in one of two groups, nothing is known of the valley between them.
LEAST_UNSEEN = 5
_POINTS = 41


@dataclass(frozen=True)
class Refitted:
    """Figures of the refits. stability: mean adjusted Rand index with the groups. recurrence: mean
    Jaccard similarity of a group with the one most like it, of the group that recurs least.
    valley: the lowest density between two groups over the lower of their two peaks, of the pair
    that is least apart; 1 where there is no valley.
    """

    stability: float
    recurrence: float
    valley: float


def refit(way: Way, rows: Matrix, groups: Groups, policy: TrainingPolicy) -> Refitted:
    """Fit again to bootstrap samples and compare."""
    from sklearn.metrics import adjusted_rand_score

    random = np.random.default_rng(policy.seed)
    agreements = []
    similar = []
    valleys = []
    for turn in range(RESAMPLES):
        drawn = random.integers(0, len(rows), len(rows))
        model = way(rows, drawn, turn)
        if model is None:
            return Refitted(0.0, 0.0, 1.0)
        again = np.asarray(model.predict(rows))
        agreements.append(adjusted_rand_score(groups, again))
        similar.append(_recurrences(groups, again))
        unseen = np.setdiff1d(np.arange(len(rows)), drawn)
        shown = random.permutation(unseen)[:SAMPLE]
        valleys.append(_shallowest(clusterers.centres(model), rows[shown], again[shown]))
    return Refitted(
        float(np.mean(agreements)),
        float(np.mean(similar, axis=0).min()),
        float(np.mean(valleys)),
    )


def _recurrences(groups: Groups, again: Groups) -> list[float]:
    """Jaccard similarity of each group with the group of the refit that is most like it."""
    return [
        max(
            np.sum((groups == g) & (again == other)) / np.sum((groups == g) | (again == other))
            for other in np.unique(again)
        )
        for g in np.unique(groups)
    ]


def _shallowest(centres: Matrix, rows: Matrix, groups: Groups) -> float:
    """The valley of the pair of groups that is least apart, on the line between their centres."""
    worst = 0.0
    for one in range(len(centres)):
        for other in range(one):
            axis = centres[one] - centres[other]
            ours, theirs = (rows[groups == g] @ axis for g in (one, other))
            if min(len(ours), len(theirs)) < LEAST_UNSEEN:
                return 1.0
            worst = max(worst, valley(ours, theirs))
    return worst


def valley(ours: Matrix, theirs: Matrix) -> float:
    """The lowest density between the middles of two groups on a line, over the lower of the peaks
    on its two sides: 0 is nobody between them, 1 is no valley.
    """
    low, high = sorted([float(np.median(ours)), float(np.median(theirs))])
    if high - low <= 0:
        return 1.0
    people = np.concatenate([ours, theirs])
    spread = min(float(ours.std()), float(theirs.std()))
    # Silverman's rule with the narrower spread; people who are all alike have a little width too.
    width = max(0.9 * spread * len(people) ** -0.2, 0.01 * (high - low))
    places = np.linspace(low, high, _POINTS)
    density = np.exp(-0.5 * ((places[:, None] - people[None, :]) / width) ** 2).mean(axis=1)
    lowest = int(density.argmin())
    peaks = min(density[: lowest + 1].max(), density[lowest:].max())
    return float(density[lowest] / peaks) if peaks > 0 else 1.0
