"""Point-in-time training sets: features as of the past, labels from what happened after, split by
outcome time and person.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.data import frames, splits
from ml.data.frames import FeatureSet, Lake
from ml.estimators import Array
from ml.policy import TrainingPolicy
from ml.spec import Learnt
from segmentry.errors import NotReadyError

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
class Period:
    """One back-test: what is learnt from has all its outcomes before the test's time."""

    train: Part
    validation: Part
    test: Part

    @property
    def as_of(self) -> datetime:
        """The time of the test's features."""
        newest: datetime = self.test.keys["as_of"].max().to_pydatetime()
        return newest


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

    # Back-test periods before that of the test, the newest first.
    earlier: tuple[Period, ...] = ()
    horizon_days: int = 0

    @property
    def newest(self) -> Period:
        """The back-test period of the three parts."""
        return Period(self.train, self.validation, self.test)

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
    windows, feature_set = _tested(rows, spec, feature_set, as_of, policy)
    newest, *earlier = (_period(rows, window, feature_set) for window in windows)
    plain = TrainingSet(
        newest.train,
        newest.validation,
        newest.test,
        feature_set,
        content_hash(rows),
        snapshot,
        as_of,
        query,
        recent=recent(rows, windows[0], feature_set),
        earlier=tuple(one for one in earlier if not _thin(one, policy)),
        horizon_days=spec.horizon_days,
    )
    train = plain.train
    if verdicts is None or not len(reviewed := _reviewed(train, verdicts, policy.verdict_weight)):
        return plain
    content = content_hash(pd.concat([rows, reviewed.keys.assign(label=reviewed.labels)], axis=1))
    return replace(plain, train=reviewed, content_hash=content, unreviewed=train)


def _tested(
    rows: pd.DataFrame, spec: Learnt, feature_set: FeatureSet, as_of: datetime,
    policy: TrainingPolicy,
) -> tuple[list[splits.Window], FeatureSet]:  # fmt: skip
    """The back-test periods, and the features that vary; DataRefused if the newest is too thin."""
    times = [t.to_pydatetime() for t in pd.to_datetime(rows["as_of"].unique())]
    windows = splits.periods(times, timedelta(days=spec.horizon_days), policy)
    if not windows:
        raise DataRefused(_too_short(rows, spec, as_of, policy))
    newest = _period(rows, windows[0], feature_set)
    if reason := _thin(newest, policy):
        raise DataRefused(reason)
    varying = drop_constant_features(newest.train.features, feature_set)
    if not varying.numbers:
        raise DataRefused(
            "there is nothing to learn from: no numeric column of the features__* tables varies"
        )
    return windows, varying


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
    from {frames.PROFILED}
    inner join ({spec.population_sql}) as population using (profile_id, as_of)
    inner join ({spec.label_sql}) as labels using (profile_id, as_of)
    where labels.label is not null
    """
    return f"with keyed as ({keys})\n{feature_set.select('keyed')}"


def known(lake: Lake, spec: Learnt, as_of: datetime) -> Part:
    """All outcomes known at as_of, with the heuristic's feature alone; the first feature of its
    kind if that one is missing. NotReadyError if no outcome is known.
    """
    horizon = timedelta(days=spec.horizon_days)
    times = [t for t in frames.spine_times(lake) if t + horizon <= as_of]
    frames.set_training_dates(lake, [(t, t + horizon) for t in times])
    every = frames.feature_set(lake, include=("*",), exclude=spec.exclude, max_categories=None)
    names = (every.categories if spec.is_choice else every.numbers) or every.names
    chosen = spec.heuristic if spec.heuristic in names else names[0]
    feature_set = every.only([chosen])
    rows = lake.execute(training_query(spec, feature_set)).df()
    if not len(rows):
        raise NotReadyError(
            f"no outcome of {spec.name} is known at {as_of:%Y-%m-%d}",
            allowed=f"people who were known {spec.horizon_days} days before",
            remedy="load more history, or wait",
        )
    return _part(rows, feature_set)


def _period(rows: pd.DataFrame, window: splits.Window, feature_set: FeatureSet) -> Period:
    """The parts of a back-test period; no person is in two."""
    is_learnt = rows["as_of"].isin(window.learnt)
    is_tested = rows["as_of"] == window.tested
    bucket = rows["bucket"]
    return Period(
        _part(rows[is_learnt & (bucket < VALIDATION_FROM)], feature_set),
        _part(rows[is_learnt & bucket.between(VALIDATION_FROM, TEST_FROM - 1)], feature_set),
        _part(rows[is_tested & (bucket >= TEST_FROM)], feature_set),
    )


def recent(rows: pd.DataFrame, window: splits.Window, feature_set: FeatureSet) -> tuple[Part, Part]:
    """Rows newer than those learnt from, without the people of the test part: what a model also
    learns from after its test.
    """
    newer = rows["as_of"] > max(window.learnt)
    bucket = rows["bucket"]
    learn = bucket < VALIDATION_FROM
    check = bucket.between(VALIDATION_FROM, TEST_FROM - 1)
    return _part(rows[newer & learn], feature_set), _part(rows[newer & check], feature_set)


def _too_short(rows: pd.DataFrame, spec: Learnt, as_of: datetime, policy: TrainingPolicy) -> str:
    needed = 2 * spec.horizon_days + policy.embargo_days
    oldest = (as_of - rows["as_of"].min()).days if len(rows) else 0
    return (
        f"its people are known {oldest} days back; {needed} days are needed, so that the outcomes"
        f" to learn from ({spec.horizon_days} days) end {policy.embargo_days} day(s) before those"
        f" to test on ({spec.horizon_days} days) begin (policies: training.embargo_days)"
    )


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


def _thin(period: Period, policy: TrainingPolicy) -> str | None:
    """Why the period has too few rows to judge a model by; None if it has enough."""
    parts = (period.train, period.validation, period.test)
    for name, part, share in zip(
        ("train", "validation", "test"), parts, (1.0, 0.2, 0.2), strict=True
    ):
        rows = len(part)
        rarer = int(min(is_rare(part.labels).sum(), (~is_rare(part.labels)).sum()))
        least_rows = int(policy.min_rows * share)
        least_class = max(5, int(policy.min_class * share))
        if rows < least_rows or rarer < least_class:
            return (
                f"the {name} part has {rows} row(s), {rarer} of the rarer outcome; at least"
                f" {least_rows} rows and {least_class} of each outcome are needed (policies:"
                " training.min_rows, min_class)"
            )
    return None
