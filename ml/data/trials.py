"""People whose treatment was drawn at random, with features from before it and the outcome after:
what uplift is learnt from.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from ml.data import dataset, frames
from ml.data.dataset import DataRefused
from ml.data.frames import FeatureSet, Lake
from ml.policy import TrainingPolicy
from ml.spec import UpliftSpec
from segmentry import warehouse

# A Qini interval from a smaller group is so wide that no ranking could ever pass.
LEAST_PEOPLE = 100


@dataclass(frozen=True)
class TrialRows:
    """One row per person: the feature matrix, whether the person was treated, and the outcome."""

    features: pd.DataFrame
    treated: np.ndarray
    outcome: np.ndarray
    feature_set: FeatureSet
    content_hash: str


def load(lake: Lake, spec: UpliftSpec, as_of: datetime, policy: TrainingPolicy) -> TrialRows:
    """The trial of a spec whose outcomes have ended at as_of; DataRefused if there is none, or it
    is too small.
    """
    if not warehouse.relation_exists(lake, spec.trial_relation):
        raise DataRefused(
            f"{spec.trial_relation} does not exist: no sync with a hold-out has been measured"
            " (docs/how-to/target-by-uplift.md)"
        )
    frames.set_training_dates(lake, [(as_of - timedelta(days=spec.horizon_days), as_of)])
    feature_set = frames.feature_set(
        lake, include=("*",), exclude=spec.exclude, max_categories=policy.max_categories
    )
    rows = lake.execute(_query(spec, feature_set)).df()
    treated = (rows["is_treated"] == 1).to_numpy()
    groups = {"treated": int(treated.sum()), "not treated": int((~treated).sum())}
    if min(groups.values()) < LEAST_PEOPLE:
        found = ", ".join(f"{count} people {name}" for name, count in groups.items())
        raise DataRefused(
            f"the largest trial whose {spec.horizon_days} days of outcome ended by"
            f" {as_of:%Y-%m-%d} has {found}; at least {LEAST_PEOPLE} of each are needed"
        )
    if not rows["label"].nunique() > 1:
        raise DataRefused("every person of the trial has the same outcome: nothing to learn from")
    varying = dataset.drop_constant_features(rows[feature_set.names], feature_set)
    if not varying.numbers:
        raise DataRefused("no numeric feature varies among the people of the trial")
    features = rows[varying.names].copy()
    features[varying.numbers] = features[varying.numbers].astype("float64")
    outcome = rows["label"].to_numpy(dtype=np.float64)
    return TrialRows(features, treated, outcome, varying, dataset.content_hash(rows))


def _query(spec: UpliftSpec, feature_set: FeatureSet) -> str:
    """SQL of the trial with the newest features that are not newer than the treatment."""
    keys = f"""
    select profile_id, max(spine.as_of) as as_of, any_value(is_treated) as is_treated,
        any_value(label) as label
    from ({spec.trial_sql}) as trial
    inner join {frames.PROFILED} as spine using (profile_id)
    where spine.as_of <= trial.assigned_at and trial.label is not null
    group by profile_id
    """
    return f"with keyed as ({keys})\n{feature_set.select('keyed')}"
