"""Point-in-time training sets: features as of the past, labels from what happened after, split by
time and person.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.data import frames
from ml.data.frames import FeatureSet, Lake
from ml.estimators import Array
from ml.policy import TrainingPolicy
from ml.spec import Learnt

KEYS = ("profile_id", "as_of", "bucket", "label")
# Of 100 buckets of people: 0-59 train, 60-79 validate, 80-99 test. A person's bucket never changes,
# so no champion is tested on a person that it, or an earlier training, was fitted to.
VALIDATION_FROM = 60
TEST_FROM = 80


class DataRefused(Exception):
    """The data do not support a model; the message states why, and which data would."""


@dataclass(frozen=True)
class Part:
    """One side of the split: keys of the rows (never features), the feature matrix and the labels.

    Labels are 0 or 1 (integers), amounts (floats), or choices (text).
    """

    keys: pd.DataFrame
    features: pd.DataFrame
    labels: Array

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class TrainingSet:
    """Train, validation and test, with what is needed to make them again."""

    train: Part
    validation: Part
    test: Part
    feature_set: FeatureSet
    content_hash: str
    snapshot: int
    as_of: datetime
    query: str
    # The rows to learn from with the outcomes as labels, if people's verdicts replace some of them.
    unreviewed: Part | None = None
    # Rows of the test's date: of the people to learn from, and of those to calibrate on.
    recent: tuple[Part, Part] | None = None

    @property
    def parts(self) -> dict[str, Part]:
        """The three parts by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def load(
    lake: Lake, snapshot: int, spec: Learnt, as_of: datetime, policy: TrainingPolicy,
    verdicts: pd.DataFrame | None = None,
) -> TrainingSet:  # fmt: skip
    """The training set of a model at as_of, or DataRefused when the data are too thin to judge one.

    verdicts: ``profile_id, as_of, verdict``; they replace the outcome in rows to learn from.
    """
    horizon = timedelta(days=spec.horizon_days)
    times = [t for t in frames.spine_times(lake) if t + horizon <= as_of]
    if len(times) < 2:
        raise DataRefused(
            f"features exist for {len(times)} past time(s) that lie {spec.horizon_days} days before"
            f" {as_of:%Y-%m-%d}; at least 2 are needed, one to learn from and a later one to"
            " test on"
        )
    frames.set_training_dates(lake, [(t, t + horizon) for t in times])
    feature_set = frames.feature_set(
        lake, include=("*",), exclude=spec.exclude, max_categories=policy.max_categories
    )
    query = training_query(spec, feature_set)
    rows = lake.execute(query).df()
    parts = split(rows, feature_set)
    _refuse_if_thin(parts, feature_set, policy)
    feature_set = drop_constant_features(parts[0].features, feature_set)
    train, validation, test = split(rows, feature_set)
    plain = TrainingSet(
        train,
        validation,
        test,
        feature_set,
        content_hash(rows),
        snapshot,
        as_of,
        query,
        recent=recent(rows, feature_set),
    )
    if verdicts is None or not len(reviewed := _reviewed(train, verdicts, policy.verdict_weight)):
        return plain
    content = content_hash(pd.concat([rows, reviewed.keys.assign(label=reviewed.labels)], axis=1))
    return replace(plain, train=reviewed, content_hash=content, unreviewed=train)


def _reviewed(train: Part, verdicts: pd.DataFrame, weight: int) -> Part:
    """The part with verdicts as labels, each such row repeated ``weight`` times; empty if no
    verdict is about one of its rows.
    """
    keyed = verdicts.astype({"as_of": train.keys["as_of"].dtype, "verdict": "int64"})
    given = train.keys.merge(keyed, how="left", on=["profile_id", "as_of"])["verdict"]
    if given.isna().all():
        return Part(train.keys.iloc[:0], train.features.iloc[:0], train.labels[:0])
    labels = np.where(given.notna(), given.fillna(0), train.labels).astype(np.int64)
    repeated = np.repeat(np.arange(len(train)), np.where(given.notna(), weight, 1))
    keys, features = (
        table.iloc[repeated].reset_index(drop=True) for table in (train.keys, train.features)
    )
    return Part(keys, features, labels[repeated])


def drop_constant_features(features: pd.DataFrame, feature_set: FeatureSet) -> FeatureSet:
    """The feature set without features that never vary, or are always missing, in the rows to
    learn from.
    """
    return feature_set.only([n for n in feature_set.names if features[n].nunique(dropna=True) > 1])


def training_query(spec: Learnt, feature_set: FeatureSet) -> str:
    """SQL of the whole set, one row per (profile_id, as_of), in a fixed order."""
    keys = f"""
    select profile_id, as_of, hash(profile_id || ':split') % 100 as bucket, labels.label
    from {frames.SPINE}
    inner join ({spec.population_sql}) as population using (profile_id, as_of)
    inner join ({spec.label_sql}) as labels using (profile_id, as_of)
    where labels.label is not null
    """
    return f"with keyed as ({keys})\n{feature_set.select('keyed')}"


def split(rows: pd.DataFrame, feature_set: FeatureSet) -> tuple[Part, Part, Part]:
    """Test on the newest as_of, learn and calibrate on older ones; no person is on two sides.

    With four or more training dates, validation is strictly later than training too. With two or
    three that would leave only the oldest rows to learn from: there validation has the dates of
    training, but other people.
    """
    times = sorted(rows["as_of"].unique())
    if len(times) < 2:
        return (
            _part(rows.iloc[:0], feature_set),
            _part(rows.iloc[:0], feature_set),
            _part(rows, feature_set),
        )
    newest = times[-1]
    before = times[-2]
    is_early = rows["as_of"] < (before if len(times) > 3 else newest)
    is_between = (rows["as_of"] == before) if len(times) > 3 else is_early
    bucket = rows["bucket"]
    train = rows[is_early & (bucket < VALIDATION_FROM)]
    validation = rows[is_between & bucket.between(VALIDATION_FROM, TEST_FROM - 1)]
    test = rows[(rows["as_of"] == newest) & (bucket >= TEST_FROM)]
    return _part(train, feature_set), _part(validation, feature_set), _part(test, feature_set)


def recent(rows: pd.DataFrame, feature_set: FeatureSet) -> tuple[Part, Part]:
    """Rows of the newest as_of, without the people of the test part: what a model also learns from
    after its test.
    """
    newest = rows["as_of"] == rows["as_of"].max()
    bucket = rows["bucket"]
    learn = bucket < VALIDATION_FROM
    check = bucket.between(VALIDATION_FROM, TEST_FROM - 1)
    return _part(rows[newest & learn], feature_set), _part(rows[newest & check], feature_set)


def joined(one: Part, other: Part) -> Part:
    """The rows of both."""
    keys, features = (
        pd.concat(tables, ignore_index=True)
        for tables in ((one.keys, other.keys), (one.features, other.features))
    )
    return Part(keys, features, np.concatenate([one.labels, other.labels]))


def _part(rows: pd.DataFrame, feature_set: FeatureSet) -> Part:
    rows = rows.reset_index(drop=True)
    features = rows[feature_set.names].copy()
    features[feature_set.numbers] = features[feature_set.numbers].astype("float64")
    return Part(rows[["profile_id", "as_of"]], features, _labels(rows["label"]))


def _labels(column: pd.Series) -> Array:
    if pd.api.types.is_float_dtype(column):
        return column.to_numpy(dtype=np.float64)
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=np.int64)
    return column.astype(str).to_numpy(dtype=object)


def is_rare(labels: Array) -> NDArray[np.bool_]:
    """Labels as yes or no: true, above the mean amount, or another than the most frequent
    choice.
    """
    if labels.dtype == object:
        names, counts = np.unique(labels, return_counts=True)
        return np.asarray(labels != (names[counts.argmax()] if len(names) else ""))
    return np.asarray(labels > (labels.mean() if labels.dtype.kind == "f" and len(labels) else 0))


def content_hash(rows: pd.DataFrame, *context: str) -> str:
    """SHA-256 of the values and column names, in order, and of the context: equal sets give equal
    models.
    """
    digest = hashlib.sha256("\0".join([*context, *map(str, rows.columns)]).encode())
    digest.update(pd.util.hash_pandas_object(rows, index=False).to_numpy().tobytes())
    return digest.hexdigest()


def _refuse_if_thin(
    parts: tuple[Part, Part, Part], feature_set: FeatureSet, policy: TrainingPolicy
) -> None:
    for name, part, share in zip(
        ("train", "validation", "test"), parts, (1.0, 0.2, 0.2), strict=True
    ):
        rows = len(part)
        rarer = int(min(is_rare(part.labels).sum(), (~is_rare(part.labels)).sum()))
        least_rows = int(policy.min_rows * share)
        least_class = max(5, int(policy.min_class * share))
        if rows < least_rows or rarer < least_class:
            raise DataRefused(
                f"the {name} part has {rows} row(s), {rarer} of the rarer outcome; at least"
                f" {least_rows} rows and {least_class} of each outcome are needed (policies:"
                " training.min_rows, min_class)"
            )
    if not drop_constant_features(parts[0].features, feature_set).numbers:
        raise DataRefused(
            "there is nothing to learn from: no numeric column of the features__* tables varies"
        )
