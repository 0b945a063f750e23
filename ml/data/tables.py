"""Bring your own table: one row per customer with a label becomes a training set that every
candidate can be judged on.

For tables that did not come through the lake (an export, a public data set). There is no as_of in
such a table, so the split is by person alone and nothing is tested on a later time: prefer the
lake's features if you have both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pandas as pd

from ml.data import dataset
from ml.data.dataset import Part, TrainingSet
from ml.data.frames import NOT_KNOWN, Feature, FeatureSet
from segmentry.errors import UsageError

NUMBERS_FROM = (
    0.9  # a text column of which this share reads as numbers is a numeric column with blanks
)


def training_set(
    table: pd.DataFrame,
    *,
    key: str,
    label: str,
    positive: object = 1,
    drop: Sequence[str] = (),
    turn: int = 0,
) -> TrainingSet:
    """A training set from a table: 60% of people to learn from, 20% to calibrate on, 20% to test
    on.

    key: column that names the person. label: column that is ``positive`` where the outcome is true.
    drop: columns not to learn from. turn: 0 to 4; in the five turns every person is tested on once.
    Text of more than 50 distinct values is dropped; text that reads as numbers becomes numbers.
    """
    _check(table, key, label, positive, drop)
    features = pd.DataFrame(
        {name: clean(table[name]) for name in table.columns if name not in {key, label, *drop}}
    )
    kept = [str(n) for n in features if features[n].dtype != object or features[n].nunique() <= 50]
    feature_set = FeatureSet(tuple(Feature(n, "table", features[n].dtype != object) for n in kept))
    labels = (table[label] == positive).to_numpy(dtype=np.int64)
    buckets = (table[key].map(bucket).to_numpy() + 20 * turn) % 100
    keys = pd.DataFrame({"profile_id": table[key].astype(str), "as_of": pd.Timestamp(0)})
    sides = (
        buckets < dataset.VALIDATION_FROM,
        (buckets >= dataset.VALIDATION_FROM) & (buckets < dataset.TEST_FROM),
        buckets >= dataset.TEST_FROM,
    )
    parts = [_side(keys, features[kept], labels, side) for side in sides]
    feature_set = dataset.drop_constant_features(parts[0].features, feature_set)
    train, validation, test = (Part(p.keys, p.features[feature_set.names], p.labels) for p in parts)
    content = dataset.content_hash(features.assign(label=labels))
    made_from = f"a table of {len(table)} rows"
    return TrainingSet(
        train, validation, test, feature_set, content, 0, datetime(1970, 1, 1), made_from
    )


def _side(keys: pd.DataFrame, features: pd.DataFrame, labels: np.ndarray, rows: np.ndarray) -> Part:
    return Part(
        keys[rows].reset_index(drop=True), features[rows].reset_index(drop=True), labels[rows]
    )


def clean(column: pd.Series) -> pd.Series:
    """A column as float (infinite as missing), or as text with missing as a category of its own."""
    if column.dtype == object or str(column.dtype) in {"string", "category"}:
        text = column.astype(object)
        numbers = pd.to_numeric(
            text.map(lambda v: v.strip() if isinstance(v, str) else v), errors="coerce"
        )
        if numbers.notna().mean() < NUMBERS_FROM:
            return text.fillna(NOT_KNOWN).astype(str).astype(object)
        column = numbers
    return column.astype("float64").replace([np.inf, -np.inf], np.nan)


def bucket(key: object) -> int:
    """A person's bucket, 0 to 99, the same in every table and every run."""
    return int.from_bytes(hashlib.sha256(f"{key}:split".encode()).digest()[:8], "big") % 100


def _check(
    table: pd.DataFrame, key: str, label: str, positive: object, drop: Sequence[str]
) -> None:
    absent = [name for name in (key, label, *drop) if name not in table.columns]
    if absent:
        raise UsageError(
            f"the table has no column {', '.join(absent)}",
            allowed=", ".join(map(str, table.columns)),
            remedy="name columns that the table has",
        )
    if table[key].duplicated().any():
        raise UsageError(
            f"{int(table[key].duplicated().sum())} row(s) repeat a key of the column {key}",
            allowed="one row per person",
            remedy="keep one row per person, or make the key unique",
        )
    if (table[label] == positive).nunique() < 2:
        raise UsageError(
            f"the column {label} is {'always' if (table[label] == positive).all() else 'never'} the"
            " outcome to predict",
            allowed=f"both outcomes; values seen: {', '.join(map(str, table[label].unique()[:5]))}",
            remedy="name the value that counts as true with `positive`",
        )
