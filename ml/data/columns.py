"""The columns a fitted model expects, of what there is today: for whoever asks an older model."""

from __future__ import annotations

import pandas as pd

from ml.data.dataset import Part
from ml.estimators import Model


def fitted_to(model: Model, part: Part) -> Part:
    """The part with the columns an older model expects; a feature that is gone is missing, a new
    one is not seen.
    """
    return Part(part.keys, expected_columns(model, part.features), part.labels)


def expected_columns(model: Model, features: pd.DataFrame) -> pd.DataFrame:
    """The features in the order and number the model was fitted with."""
    names = [str(n) for n in model.feature_names_in_]
    return features.reindex(columns=names)
