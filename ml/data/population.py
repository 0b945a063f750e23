"""Reads the population of a model at a time, with the features that the model expects: for scoring
and for personas.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd

from ml.data import frames
from ml.data.frames import FeatureSet, Lake
from ml.estimators import Model
from ml.spec import Spec


def read(lake: Lake, spec: Spec, as_of: datetime, model: Model) -> pd.DataFrame:
    """profile_id, as_of and the columns that the model expects, of every profile of its population
    at as_of.
    """
    frames.set_training_dates(lake, [(as_of, as_of + timedelta(days=spec.horizon_days))])
    feature_set = frames.feature_set(lake, include=("*",), exclude=(), max_categories=None)
    feature_set = feature_set.only([str(n) for n in model.feature_names_in_])
    return people_at(lake, spec.population_sql, feature_set)


def people_at(lake: Lake, population_sql: str, feature_set: FeatureSet) -> pd.DataFrame:
    """The matrix of a population, keys first, in a fixed order."""
    keys = f"select profile_id, as_of from {frames.PROFILED}"
    keyed = f"{keys} inner join ({population_sql}) as population using (profile_id, as_of)"
    return lake.execute(f"with keyed as ({keyed})\n{feature_set.select('keyed')}").df()
