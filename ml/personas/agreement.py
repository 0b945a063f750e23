"""What people's verdicts on personas improve: some of them move the groups, the others measure the
gain. For the grouping of personas.

Verdicts on people of the training buckets count ``training.verdict_weight`` times in the middle of
the persona that they name. The other verdicts are held out: a training reports how often the groups
agree with them, before and now.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.data import dataset, tables
from ml.fit.clusterers import Groups
from ml.fit.clustering import Start
from ml.personas import cards
from ml.personas.cards import Former
from ml.policy import TrainingPolicy

MOVED_BY_MORE_THAN_NOISE = 1.645  # standard deviations, one-sided 95%


@dataclass(frozen=True)
class UsableVerdicts:
    """Verdicts on some of these people: the place of each such person, the persona's id, and
    whether the training learns from it.
    """

    places: NDArray[np.intp]
    ids: Groups
    is_learnt: NDArray[np.bool_]


def select_verdicts(people: pd.DataFrame, verdicts: pd.Series, before: Former) -> UsableVerdicts:
    """The verdicts that are about these people and name an existing persona."""
    ids = {name: number for number, name in before.names.items()}
    numbers = people["profile_id"].map(verdicts).map(ids)
    places = np.flatnonzero(numbers.notna().to_numpy())
    buckets = np.array(
        [tables.bucket(profile) for profile in people["profile_id"].iloc[places]], dtype=int
    )
    return UsableVerdicts(
        places, np.asarray(numbers.iloc[places], dtype=np.int64), buckets < dataset.VALIDATION_FROM
    )


def start(before: Former, verdicts: UsableVerdicts, policy: TrainingPolicy) -> Start:
    """The existing groups, with the people that the training learns from in the persona of their
    verdict, at the policy's weight.
    """
    groups = before.ids.copy()
    weights = np.ones(len(before.ids))
    learnt = verdicts.places[verdicts.is_learnt]
    groups[learnt] = verdicts.ids[verdicts.is_learnt]
    weights[learnt] = float(policy.verdict_weight)
    return Start(groups, weights)


def gained(
    before: Former, after: cards.Deck, groups: Groups, verdicts: UsableVerdicts
) -> dict[str, float]:
    """How many verdicts are held out, how often the groups agree with them before and now, and how
    sure the gain is.
    """
    kept = verdicts.places[~verdicts.is_learnt]
    truth = verdicts.ids[~verdicts.is_learnt]
    ids = {card["group"]: card["cluster_id"] for card in after["cards"]}
    now = np.array([ids[int(group)] for group in groups[kept]], dtype=int) == truth
    then = before.ids[kept] == truth
    if not len(kept):
        return {"verdicts": float(len(verdicts.places)), "verdicts_held_back": 0.0}
    won = int((now & ~then).sum())
    lost = int((then & ~now).sum())
    return {
        "verdicts": float(len(verdicts.places)),
        "verdicts_held_back": float(len(kept)),
        "verdict_agreement": float(now.mean()),
        "verdict_agreement_before": float(then.mean()),
        "verdict_gain": float(now.mean() - then.mean()),
        # McNemar's statistic of the people on which the two differ.
        "verdict_gain_deviations": (won - lost) / max((won + lost) ** 0.5, 1.0),
    }
