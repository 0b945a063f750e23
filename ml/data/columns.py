"""Selects from today's features the columns that a fitted model expects, perhaps an older one: for
all code that calls a model.
"""

from __future__ import annotations

import pandas as pd

from ml.data.dataset import Part
from ml.estimators import Model


def fitted_to(model: Model, part: Part) -> Part:
    """The part with the columns that an older model expects: a removed feature is a missing value,
    a new one is left out.
    """
    return Part(part.keys, expected_columns(model, part.features), part.labels)


def expected_columns(model: Model, features: pd.DataFrame) -> pd.DataFrame:
    """The features in the order and number the model was fitted with."""
    names = [str(n) for n in model.feature_names_in_]
    return features.reindex(columns=names)
