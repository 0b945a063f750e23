"""Groups people, starting from the champion's groups, and judges the groups: for their trainer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from ml.data import columns, dataset, frames, population
from ml.data.dataset import DataRefused
from ml.data.frames import FeatureSet, Lake
from ml.estimators import Steps
from ml.evaluate.gates import Gate, PromotionVerdict
from ml.fit import clustering, pipeline
from ml.fit.clustering import Choice
from ml.personas import agreement, cards
from ml.policy import DriftPolicy, TrainingPolicy
from ml.registry.protocols import TrackedRun
from ml.spec import PersonaSpec


def load(
    lake: Lake, spec: PersonaSpec, as_of: datetime, policy: TrainingPolicy
) -> tuple[pd.DataFrame, FeatureSet]:
    """Keys and features of the people to group, and which features those are."""
    frames.set_training_dates(lake, [(as_of, as_of + timedelta(days=spec.horizon_days))])
    feature_set = frames.feature_set(
        lake, include=spec.include, exclude=spec.exclude, max_categories=policy.max_categories
    )
    people = population.people_at(lake, spec.population_sql, feature_set)
    feature_set = dataset.drop_constant_features(people, feature_set)
    if len(people) < policy.min_rows or len(feature_set.names) < 2:
        raise DataRefused(
            f"there are {len(people)} people to group and {len(feature_set.names)} features that"
            f" vary; at least {policy.min_rows} people (config/policies.yml: training.min_rows) and"
            " 2 such features are needed"
        )
    people[feature_set.numbers] = people[feature_set.numbers].astype("float64")
    return people[["profile_id", "as_of", *feature_set.names]], feature_set


@dataclass(frozen=True)
class Grouped:
    """A training's outcome: the model, its deck, all choices and the best, and what verdicts
    gained.
    """

    model: Steps
    deck: cards.Deck
    found: list[Choice]
    best: Choice
    gained: dict[str, float]


def group(
    spec: PersonaSpec, people: pd.DataFrame, feature_set: FeatureSet, policy: TrainingPolicy,
    limits: DriftPolicy,
    champion: tuple[cards.Deck, Steps] | None = None, verdicts: pd.Series | None = None,
) -> Grouped:  # fmt: skip
    """Group people; with a champion (its deck and model), continue from its groups and names."""
    features = people[feature_set.names]
    prepare = pipeline.for_groups(feature_set).fit(features)
    rows = prepare.transform(features)
    before = cards.former(*champion, people) if champion else None
    given = pd.Series(dtype=object) if verdicts is None else verdicts
    usable = agreement.select_verdicts(people, given, before) if before else None
    start = agreement.start(before, usable, policy) if before and usable else None
    found = clustering.choices(spec, rows, policy, start)
    best = clustering.best_of(found, policy)
    deck = cards.deal(best, rows, people, feature_set, policy, limits, before)
    gained: dict[str, float] = {}
    if before and usable and len(usable.places):
        gained = agreement.gained(before, deck, np.asarray(best.fitted.predict(rows)), usable)
    return Grouped(pipeline.joined(prepare, best.fitted), deck, found, best, gained)


def judge(
    run: TrackedRun,
    challenger: Steps,
    champion: Steps | None,
    people: pd.DataFrame,
    policy: TrainingPolicy,
) -> PromotionVerdict:
    """Groups are apart, found again in resamples, and clearer than the champion's by more than
    noise.
    """
    apart = run.data.metrics["silhouette"]
    stable = run.data.metrics["stability"]
    gates = [
        Gate(
            "silhouette",
            apart >= policy.min_silhouette,
            f"{apart:.3f}, at least {policy.min_silhouette}",
        ),
        Gate(
            "stability",
            stable >= policy.min_stability,
            f"{stable:.3f}, at least {policy.min_stability}",
        ),
    ]
    if champion is not None:
        won = run.data.metrics.get("verdict_gain_deviations", 0.0)
        gates.append(_clearer(challenger, champion, people, policy, won))
    return PromotionVerdict(tuple(gates))


def _clearer(
    challenger: Steps, champion: Steps, people: pd.DataFrame, policy: TrainingPolicy, won: float
) -> Gate:
    """Clearer by more than noise; or in better agreement with people's verdicts by more than noise,
    and no less clear.
    """
    from sklearn.metrics import silhouette_samples

    sample = people.sample(min(clustering.SILHOUETTE_SAMPLE, len(people)), random_state=policy.seed)
    values = []
    for model in (challenger, champion):
        # Each is measured in its own space: that of the features that it groups by.
        features = columns.expected_columns(model, sample)
        groups = model.predict(features)
        is_one = len(np.unique(groups)) < 2
        values.append(
            np.zeros(len(sample))
            if is_one
            else silhouette_samples(model[:-1].transform(features), groups)
        )
    gain = values[0] - values[1]
    noise = 1.645 * float(gain.std()) / np.sqrt(len(gain))
    is_truer = won > agreement.MOVED_BY_MORE_THAN_NOISE and gain.mean() + noise > 0
    detail = f"silhouette {gain.mean():+.3f}, noise {noise:.3f}" + (
        f", verdicts {won:+.1f} deviations" if won else ""
    )
    return Gate("clearer than the champion", bool(gain.mean() - noise > 0 or is_truer), detail)
