"""Names of personas: proposed from a vocabulary by what sets a group apart, kept across retrains by
who is in it.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

# Below this mean effect a vocabulary entry does not describe the group, and its own strongest trait
# names it.
LEAST_FIT = 0.15


@dataclass(frozen=True)
class Kept:
    """What a retrain carries over for one group: its id and name, and the share of people it has in
    common.
    """

    cluster_id: int
    name: str
    overlap: float


def effects(shown: pd.DataFrame, groups: NDArray[np.int64]) -> pd.DataFrame:
    """Standardized difference of each group (rows) from all people in each feature (columns); text
    as indicators.
    """
    wide = pd.get_dummies(shown, prefix_sep="=", dtype=float)
    wide = wide.fillna(wide.median()).fillna(0.0)
    spread = wide.std().replace(0.0, np.nan)
    found = (wide.groupby(groups).mean() - wide.mean()) / spread
    return found.fillna(0.0)


def propose(
    found: pd.DataFrame, vocabulary: Sequence[Mapping[str, Any]], taken: set[str]
) -> dict[int, str]:
    """A name per group (index of ``found``), each entry used once, none that is taken."""
    free = [entry for entry in vocabulary if entry["name"] not in taken]
    fits = np.array([[_fit(row, entry) for entry in free] for _, row in found.iterrows()]).reshape(
        len(found), len(free)
    )
    rows, columns = linear_sum_assignment(-fits)
    names = {
        int(found.index[r]): str(free[c]["name"])
        for r, c in zip(rows, columns, strict=True)
        if fits[r, c] >= LEAST_FIT
    }
    used = taken | set(names.values())
    for group in found.index:
        if int(group) not in names:
            names[int(group)] = _own_name(found.loc[group], used)
            used.add(names[int(group)])
    return names


def _fit(row: pd.Series, entry: Mapping[str, Any]) -> float:
    signed = [
        sign * float(row[feature])
        for sign, patterns in ((1, entry.get("high", ())), (-1, entry.get("low", ())))
        for pattern in patterns
        for feature in fnmatch.filter(map(str, row.index), pattern)
    ]
    # The root of the count favours an entry that many traits support over one that a single trait
    # supports as much.
    return (
        float(np.sum(np.clip(signed, -2, 2)) / max(len(signed), 1) * min(len(signed), 4) ** 0.25)
        if signed
        else 0.0
    )


def _own_name(row: pd.Series, used: set[str]) -> str:
    feature = str(row.abs().idxmax())
    base = f"{'High' if row[feature] > 0 else 'Low'} {feature.replace('_', ' ').replace('=', ' ')}"
    name = base
    number = 2
    while name in used:
        name = f"{base} {number}"
        number = number + 1
    return name


def carry_over(
    ours: NDArray[np.int64], theirs: NDArray[np.int64], names: Mapping[int, str], least: float
) -> dict[int, Kept]:
    """For groups of ours with mostly the same people as a group of theirs: that group's id and
    name.

    Both arrays are the group of each of the same people; theirs in the ids of ``names``. The
    overlap is Dice's coefficient; pairs are chosen so that the total overlap is largest, and kept
    from ``least`` on.
    """
    table = pd.crosstab(ours, theirs)
    sizes = table.sum(axis=1).to_numpy()[:, None] + table.sum(axis=0).to_numpy()[None, :]
    overlap = 2 * table.to_numpy() / sizes
    rows, columns = linear_sum_assignment(-overlap)
    return {
        int(table.index[r]): Kept(
            int(table.columns[c]), names[int(table.columns[c])], float(overlap[r, c])
        )
        for r, c in zip(rows, columns, strict=True)
        if overlap[r, c] >= least and int(table.columns[c]) in names
    }
