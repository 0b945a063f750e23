"""Personas trained again on other samples of the same people keep their names on the same people."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ml import catalogue, clustering, frames, naming, pipeline
from ml.frames import Feature, Menu
from ml.policy import DriftPolicy, TrainingPolicy
from ml.spec import PersonaSpec
from segmentry.settings import Settings
from tests import ml_lake

RETRAINS = 20


def people(spec: PersonaSpec) -> tuple[pd.DataFrame, Menu]:
    truth = ml_lake.people(600)
    known = ml_lake.features(truth, ml_lake.orders(truth))
    known = known[known["as_of"] == ml_lake.CLOCK].reset_index(drop=True)
    known["last_country"] = known["last_country"].fillna("(not known)")
    names = [str(name) for name in known if frames._is_wanted(str(name), spec.include, spec.exclude)]
    return known, Menu(tuple(Feature(name, "t", known[name].dtype != object) for name in names))


@pytest.mark.timeout(600)
def test_twenty_retrains_on_resampled_data_keep_the_names_on_the_same_people() -> None:
    shipped = catalogue.spec_named("personas")
    assert isinstance(shipped, PersonaSpec)
    # Two numbers of groups instead of six, and no rivals: a fifth of the time.
    spec = replace(shipped, clusters=(3, 4), rivals=())
    known, menu = people(spec)
    policy = TrainingPolicy.read(Settings.from_environment({}))
    least = DriftPolicy.read(Settings.from_environment({})).min_persona_overlap
    random = np.random.default_rng(11)
    first = named(spec, menu, known, known, policy, None, least)
    before, kept = first, []
    for _ in range(RETRAINS):
        sample = known.iloc[random.integers(0, len(known), len(known))]
        before = named(spec, menu, sample, known, policy, before, least)
        kept.append(float((before == first).mean()))
    print(f"names kept on the same people: worst {min(kept):.3f}, mean {np.mean(kept):.3f}")
    assert min(kept) >= 0.95


def named(
    spec: PersonaSpec, menu: Menu, sample: pd.DataFrame, everybody: pd.DataFrame, policy: TrainingPolicy,
    before: np.ndarray | None, least: float,
) -> np.ndarray:  # fmt: skip
    """The name of everybody's group after a training on the sample, names carried over from before."""
    prepare = pipeline.for_groups(menu).fit(sample[menu.names])
    best = clustering.best_of(clustering.choices(spec, prepare.transform(sample[menu.names]), policy), policy)
    groups = np.asarray(best.model.predict(prepare.transform(everybody[menu.names])))
    found = naming.effects(everybody[menu.names], groups)
    if before is None:
        names = naming.propose(found, policy.personas, set())
        return np.array([names[int(group)] for group in groups], dtype=object)
    former = sorted(set(before))
    numbers = np.array([former.index(name) for name in before])
    kept = naming.carry_over(groups, numbers, dict(enumerate(former)), least)
    fresh = found.loc[[group for group in found.index if int(group) not in kept]]
    new = naming.propose(fresh, policy.personas, set(former)) if len(fresh) else {}
    return np.array([kept[int(g)].name if int(g) in kept else new[int(g)] for g in groups], dtype=object)
