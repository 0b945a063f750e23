"""Point-in-time training sets: features as of the past, labels from what happened after, split by time and person."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml import frames
from ml.frames import Lake, Menu
from ml.policy import TrainingPolicy
from ml.spec import ModelSpec

KEYS = ("profile_id", "as_of", "bucket", "label")
# Of 100 buckets of people: 0-59 train, 60-79 validate, 80-99 test. A person keeps the bucket for ever, so that no
# champion was ever fitted to a person it is tested on, however many retrainings ago.
VALIDATION_FROM, TEST_FROM = 60, 80


class Refused(Exception):
    """The data do not support a model; the message says why and what would."""


@dataclass(frozen=True)
class Part:
    """One side of the split: keys of the rows (never features), the feature matrix and the labels (0 or 1)."""

    keys: pd.DataFrame
    features: pd.DataFrame
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class TrainingSet:
    """Train, validation and test, with what is needed to make them again."""

    train: Part
    validation: Part
    test: Part
    menu: Menu
    content_hash: str
    snapshot: int
    as_of: datetime
    query: str

    @property
    def parts(self) -> dict[str, Part]:
        """The three parts by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def load(lake: Lake, snapshot: int, spec: ModelSpec, as_of: datetime, policy: TrainingPolicy) -> TrainingSet:
    """The training set of a model at as_of, or Refused when the data are too thin to judge one."""
    horizon = timedelta(days=spec.horizon_days)
    times = [t for t in frames.spine_times(lake) if t + horizon <= as_of]
    if len(times) < 2:
        raise Refused(
            f"features exist for {len(times)} past time(s) that lie {spec.horizon_days} days before {as_of:%Y-%m-%d}; "
            "at least 2 are needed, one to learn from and a later one to test on"
        )
    frames.set_moments(lake, [(t, t + horizon) for t in times])
    menu = frames.menu(lake, include=("*",), exclude=spec.exclude, max_categories=policy.max_categories)
    query = training_query(spec, menu)
    rows = lake.execute(query).df()
    parts = split(rows, menu)
    _refuse_if_thin(parts, menu, policy)
    menu = telling(parts[0].features, menu)
    parts = split(rows, menu)
    return TrainingSet(*parts, menu, content_hash(rows), snapshot, as_of, query)


def telling(features: pd.DataFrame, menu: Menu) -> Menu:
    """The menu without features that never vary, or are never known, where the model learns."""
    return menu.only([n for n in menu.names if features[n].nunique(dropna=True) > 1])


def training_query(spec: ModelSpec, menu: Menu) -> str:
    """SQL of the whole set, one row per (profile_id, as_of), in a fixed order."""
    keys = f"""
    select profile_id, as_of, hash(profile_id || ':split') % 100 as bucket, labels.label
    from {frames.SPINE}
    inner join ({spec.population_sql}) as population using (profile_id, as_of)
    inner join ({spec.label_sql}) as labels using (profile_id, as_of)
    where labels.label is not null
    """
    return f"with keyed as ({keys})\n{menu.select('keyed')}"


def split(rows: pd.DataFrame, menu: Menu) -> tuple[Part, Part, Part]:
    """Test on the newest as_of, learn and calibrate on older ones; no person on two sides.

    With four or more times validation is strictly later than training too; with two or three that would leave the
    oldest rows alone to learn from, so validation shares its time with training there, never its people.
    """
    times = sorted(rows["as_of"].unique())
    if len(times) < 2:
        return _part(rows.iloc[:0], menu), _part(rows.iloc[:0], menu), _part(rows, menu)
    newest, before = times[-1], times[-2]
    is_early = rows["as_of"] < (before if len(times) > 3 else newest)
    bucket = rows["bucket"]
    train = rows[is_early & (bucket < VALIDATION_FROM)]
    validation = rows[(rows["as_of"] == before) & bucket.between(VALIDATION_FROM, TEST_FROM - 1)]
    test = rows[(rows["as_of"] == newest) & (bucket >= TEST_FROM)]
    return _part(train, menu), _part(validation, menu), _part(test, menu)


def _part(rows: pd.DataFrame, menu: Menu) -> Part:
    rows = rows.reset_index(drop=True)
    features = rows[menu.names].copy()
    features[menu.numbers] = features[menu.numbers].astype("float64")
    return Part(rows[["profile_id", "as_of"]], features, rows["label"].to_numpy(dtype=np.int64))


def content_hash(rows: pd.DataFrame) -> str:
    """SHA-256 of the values and column names, in order: equal sets give equal models."""
    digest = hashlib.sha256("\0".join(map(str, rows.columns)).encode())
    digest.update(pd.util.hash_pandas_object(rows, index=False).to_numpy().tobytes())
    return digest.hexdigest()


def _refuse_if_thin(parts: tuple[Part, Part, Part], menu: Menu, policy: TrainingPolicy) -> None:
    for name, part, share in zip(("train", "validation", "test"), parts, (1.0, 0.2, 0.2), strict=True):
        rows, rarer = len(part), int(min(part.labels.sum(), len(part) - part.labels.sum())) if len(part) else 0
        least_rows, least_class = int(policy.min_rows * share), max(5, int(policy.min_class * share))
        if rows < least_rows or rarer < least_class:
            raise Refused(
                f"the {name} part has {rows} row(s), {rarer} of the rarer outcome; at least {least_rows} rows "
                f"and {least_class} of each outcome are needed (policies: training.min_rows, min_class)"
            )
    if not telling(parts[0].features, menu).numbers:
        raise Refused("there is nothing to learn from: no numeric column of the features__* tables varies")
