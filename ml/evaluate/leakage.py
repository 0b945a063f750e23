"""Checks that a training set does not know the future. A leak stops the training: the model would
look good in its test and fail in use.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ml.data import dataset, frames, statements
from ml.data.dataset import TrainingSet
from ml.data.frames import Lake
from ml.evaluate import metrics, recomputation
from ml.evaluate.recomputation import Findings
from segmentry.errors import GateFailed, NotReadyError
from segmentry.settings import Settings

# A single feature that ranks the outcome this well, on people and a time it was not chosen on, is
# the outcome itself.
TWIN_AUC = 0.99


def check(lake: Lake, data: TrainingSet) -> None:
    """Raise GateFailed naming every feature that knows the future and every way the split is
    unsound.
    """
    faults = [
        *shared_people(data),
        *target_twins(data),
        *negative_ages(data),
        *future_times(lake, data),
    ]
    if faults:
        raise GateFailed(
            "the training set knows the future:\n  " + "\n  ".join(faults),
            allowed=(
                "features computed only from what was known before as_of, and no person on two"
                " sides of the split"
            ),
            remedy=(
                "correct the feature in dbt_project/models/features/, or name it in the model's"
                " `exclude`"
            ),
        )


def shared_people(data: TrainingSet) -> list[str]:
    """Pairs of parts that share a person, or a test that is not later than training."""
    people = {name: set(part.keys["profile_id"]) for name, part in data.parts.items()}
    for name, part in zip(("train", "validation"), data.recent or (), strict=False):
        people[name] |= set(part.keys["profile_id"])
    pairs = (("train", "validation"), ("train", "test"), ("validation", "test"))
    faults = [
        f"{len(people[a] & people[b])} person(s) are in both {a} and {b}"
        for a, b in pairs
        if people[a] & people[b]
    ]
    if (
        max(data.train.keys["as_of"].max(), data.validation.keys["as_of"].max())
        >= data.test.keys["as_of"].min()
    ):
        faults.append("the test's time is not later than that of training and validation")
    return faults


def target_twins(data: TrainingSet) -> list[str]:
    """Features that alone predict the label, in training and in test alike."""
    return [
        f"the feature {name} alone predicts the outcome (AUC {auc:.3f})"
        for name in data.feature_set.names
        if (auc := _lone_auc(data, name)) >= TWIN_AUC
    ]


def _lone_auc(data: TrainingSet, name: str) -> float:
    lowest = 1.0
    for part in (data.train, data.test):
        values = part.features[name]
        ranks = _as_numbers(values, data.train.features[name], dataset.is_rare(data.train.labels))
        auc = metrics.roc_auc(dataset.is_rare(part.labels), ranks)
        lowest = min(lowest, max(auc, 1 - auc))
        if lowest < TWIN_AUC:
            break
    return lowest


def _as_numbers(values: pd.Series, reference: pd.Series, labels: np.ndarray) -> np.ndarray:
    if values.dtype != object:
        return values.fillna(values.min() - 1 if values.notna().any() else 0).to_numpy(dtype=float)
    rates = pd.Series(labels).groupby(reference.to_numpy()).mean()
    return values.map(rates).fillna(float(labels.mean())).to_numpy(dtype=float)


def negative_ages(data: TrainingSet) -> list[str]:
    """Features that count the time since an event and are negative: the event is after as_of."""
    faults = []
    for name in data.feature_set.numbers:
        if name.startswith(("days_since_", "hours_since_", "minutes_since_")):
            below = int(
                (data.train.features[name] < 0).sum() + (data.test.features[name] < 0).sum()
            )
            if below:
                faults.append(
                    f"the feature {name} is negative in {below} row(s): it looks past as_of"
                )
    return faults


def future_times(lake: Lake, data: TrainingSet) -> list[str]:
    """Times in the tables the features come from that lie at or after their as_of."""
    tables = {f.table for f in data.feature_set.features}
    faults = []
    for table, column, kind in frames.columns(lake):
        if (
            table not in tables
            or kind != "TIMESTAMP"
            or column == "as_of"
            or column.startswith("_")
        ):
            continue
        row = lake.execute(
            f'select count(*) from features.{table} where "{column}" >= as_of'
        ).fetchone()
        if row and row[0]:
            faults.append(f"features.{table}.{column} is at or after as_of in {row[0]} row(s)")
    return faults


def recomputed(settings: Settings) -> Findings:
    """Compute the features of every past date again from what was known then; GateFailed naming
    each column that differs.
    """
    with frames.published(settings) as (lake, snapshot):
        times = frames.spine_times(lake)[:-1]
        tables = {table for table, _, _ in frames.columns(lake)}
    if not times:
        raise NotReadyError(
            "the lake has features of no past date",
            allowed="features of a date before the run's clock",
            remedy="add an entry to spine_days in dbt_project/dbt_project.yml, then run `features`",
        )
    found = recomputation.compare(
        settings, statements.compiled(settings), tables, times, snapshot=snapshot
    )
    if found.differences:
        raise GateFailed(
            "features know what was not known yet:\n  "
            + "\n  ".join(str(each) for each in found.differences),
            allowed="the same values from a lake in which every record of later is missing",
            remedy=(
                "correct the model in dbt_project/models/features/, or what it reads: count a"
                " record from when it was known, and a change of it from when it changed"
            ),
        )
    return found
