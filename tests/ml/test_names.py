"""Personas trained again on other samples of the same people keep their names on the same people:
one training after the other, and the rules that keep a name.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ml import threads
from ml.data import frames
from ml.data.frames import Feature, FeatureSet
from ml.fit import clustering
from ml.personas import assignment, grouping
from ml.policy import DriftPolicy, TrainingPolicy
from ml.registry import catalogue
from ml.spec import PersonaSpec
from segmentry.settings import Settings
from tests.ml import small_lake

RETRAINS = 20


def people(spec: PersonaSpec) -> tuple[pd.DataFrame, FeatureSet]:
    truth = small_lake.people(600)
    known = small_lake.features(truth, small_lake.orders(truth))
    known = known[known["as_of"] == small_lake.CLOCK].reset_index(drop=True)
    known["last_country"] = known["last_country"].fillna("(not known)")
    names = [
        str(name) for name in known if frames._is_wanted(str(name), spec.include, spec.exclude)
    ]
    return known, FeatureSet(
        tuple(Feature(name, "t", known[name].dtype != object) for name in names)
    )


@pytest.mark.timeout(600)
def test_twenty_retrains_on_resampled_data_keep_the_names_on_the_same_people() -> None:
    shipped = catalogue.spec_named("personas")
    assert isinstance(shipped, PersonaSpec)
    # Two numbers of groups instead of six, and no rivals: a fifth of the time.
    spec = replace(shipped, clusters=(3, 4), rivals=())
    known, feature_set = people(spec)
    settings = Settings.from_environment({})
    one = Retrained(
        spec, feature_set, known, TrainingPolicy.read(settings), DriftPolicy.read(settings)
    )
    with threads.limited(one.policy):  # small fits on more threads wait for each other
        kept = [one.train_again() for _ in range(RETRAINS)]
    worst = [min(column) for column in zip(*kept, strict=True)]
    print(
        f"names kept on the same people: worst {worst[0]:.3f}; by the nearest centre alone"
        f" {worst[1]:.3f}"
    )
    assert worst[0] >= 0.95
    assert worst[1] >= 0.9


class Retrained:
    """Personas trained on all people, then on bootstrap samples one after the other; each training
    becomes the champion.
    """

    def __init__(
        self,
        spec: PersonaSpec,
        feature_set: FeatureSet,
        all_people: pd.DataFrame,
        policy: TrainingPolicy,
        drift: DriftPolicy,
    ) -> None:
        self.spec = spec
        self.feature_set = feature_set
        self.all_people = all_people
        self.policy = policy
        self.drift = drift
        self.random = np.random.default_rng(11)
        self.made = grouping.group(spec, all_people, feature_set, policy, drift)
        self.first = self.current = self.assign_names(None)
        self.chosen: list[str] = []

    def train_again(self) -> tuple[float, float]:
        """Train on the next sample; shares of people that keep their first name: as scored, and by
        the groups alone.
        """
        sample = self.all_people.iloc[
            self.random.integers(0, len(self.all_people), len(self.all_people))
        ]
        champion = (self.made.deck, self.made.model)
        self.made = grouping.group(
            self.spec, sample, self.feature_set, self.policy, self.drift, champion
        )
        self.current = self.assign_names(self.current)
        self.chosen.append(f"{self.made.best.algorithm} {self.made.best.clusters}")
        return float((self.current == self.first).mean()), float(
            (self.assign_names(None) == self.first).mean()
        )

    def assign_names(self, previous: pd.Series | None) -> pd.Series:
        """Each person's persona by the newest training, given the previous personas."""
        rows = assignment.assign(
            self.made.model, self.made.deck, self.all_people, small_lake.CLOCK, "1", self.policy,
            previous,
        )  # fmt: skip
        return pd.Series(rows["persona"].to_numpy(), index=rows["profile_id"], dtype=object)


def test_who_has_a_persona_keeps_it_until_another_is_clearly_more_likely() -> None:
    shares = np.array([[0.6, 0.4], [0.55, 0.45], [0.7, 0.3], [0.4, 0.6]])
    before = np.array([1, 1, 1, -1])
    assert assignment._settled(shares, before, 0.15).tolist() == [0, 1, 0, 1]
    assert assignment._settled(shares, before, 0.25).tolist() == [1, 1, 0, 1]


def test_known_groups_are_given_up_only_for_clearly_clearer_ones() -> None:
    def choice(algorithm: str, clusters: int, silhouette: float) -> clustering.Choice:
        return clustering.Choice(algorithm, clusters, object(), silhouette, 0.9, 1.0, 1.0)

    policy = TrainingPolicy(regroup_gain=0.05)
    known = choice("continued", 5, 0.29)
    five = choice("own", 5, 0.30)
    six = choice("own", 6, 0.33)
    assert clustering.best_of([known, five, six], policy) is known
    assert clustering.best_of([known, five, choice("own", 6, 0.36)], policy).clusters == 6
    assert clustering.best_of([five, choice("own", 6, 0.31)], policy) is five
