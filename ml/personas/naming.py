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

from ml.data.frames import NOT_KNOWN

# Below this mean effect a vocabulary entry does not describe the group, and its own strongest trait
# names it.
LEAST_FIT = 0.15
# A name is refused when fewer of a group's members than this have the trait that defines it.
LEAST_MEMBERS = 0.5
# The name of a group whose members share no trait.
MIXED = "Mixed"
Signs = list[tuple[int, str]]


def _assigned(costs: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the pairs with the least sum of costs."""
    # A second to import, which commands that list models do not pay.
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(costs)
    return rows, columns


@dataclass(frozen=True)
class Kept:
    """What a retrain carries over for one group: its id and name, and the share of people it has in
    common.
    """

    cluster_id: int
    name: str
    overlap: float


@dataclass(frozen=True)
class Presence:
    """Share of each group's members (rows) whose value of a feature (columns) is high, and low."""

    high: pd.DataFrame
    low: pd.DataFrame

    def share(self, group: int, sign: int, feature: str) -> float:
        """Of the group's members, those who have the trait: a feature, and 1 for high, -1 for
        low.
        """
        return float((self.high if sign > 0 else self.low)[feature].loc[group])


def presence(shown: pd.DataFrame, groups: NDArray[np.int64]) -> Presence:
    """Whose values of each feature are high, and whose are low; text as indicators.

    High is above the median of all people, or their largest value where the median is that; low is
    the reverse. A missing value is neither, nor is a value that all people have.
    """
    wide = pd.get_dummies(shown, prefix_sep="=", dtype=float)
    middle = wide.median()
    most = wide.max()
    least = wide.min()
    varies = most > least
    high = ((wide > middle) | ((wide == most) & (middle == most))) & varies
    low = ((wide < middle) | ((wide == least) & (middle == least))) & varies
    return Presence(high.groupby(groups).mean(), low.groupby(groups).mean())


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
    found: pd.DataFrame,
    present: Presence,
    vocabulary: Sequence[Mapping[str, Any]],
    taken: set[str],
) -> dict[int, str]:
    """A name per group (index of ``found``), each entry used once, none that is taken, and none
    whose defining trait most members lack.
    """
    free = [entry for entry in vocabulary if entry["name"] not in taken]
    fits = np.array(
        [[_fit(found.loc[g], present, int(g), entry) for entry in free] for g in found.index]
    ).reshape(len(found), len(free))
    rows, columns = _assigned(-fits)
    names = {
        int(found.index[r]): str(free[c]["name"])
        for r, c in zip(rows, columns, strict=True)
        if fits[r, c] >= LEAST_FIT
    }
    used = taken | set(names.values())
    for group in found.index:
        if int(group) not in names:
            names[int(group)] = _own_name(found.loc[group], present, int(group), used)
            used.add(names[int(group)])
    return names


def _fit(row: pd.Series, present: Presence, group: int, entry: Mapping[str, Any]) -> float:
    """How well an entry describes a group; 0 where its defining trait, the strongest of its signs,
    is absent in most members.
    """
    signs = _signs(row, entry)
    if not signs:
        return 0.0
    if present.share(group, *_defining(row, signs)) < LEAST_MEMBERS:
        return 0.0
    signed = [sign * float(row[feature]) for sign, feature in signs]
    # The root of the count favours an entry that many traits support over one that a single trait
    # supports as much.
    return float(np.sum(np.clip(signed, -2, 2)) / len(signed) * min(len(signed), 4) ** 0.25)


def _defining(row: pd.Series, signs: Signs) -> tuple[int, str]:
    """The strongest of the signs."""
    return max(signs, key=lambda sign: sign[0] * float(row[sign[1]]))


def _signs(row: pd.Series, entry: Mapping[str, Any]) -> Signs:
    return [
        (sign, feature)
        for sign, patterns in ((1, entry.get("high", ())), (-1, entry.get("low", ())))
        for pattern in patterns
        for feature in fnmatch.filter(map(str, row.index), pattern)
    ]


def _own_name(row: pd.Series, present: Presence, group: int, used: set[str]) -> str:
    """A name from the strongest trait that most members have; ``Mixed`` where they share none."""
    strongest = [str(f) for f in row.abs().sort_values(ascending=False, kind="stable").index]
    # That most members have no value of a text is no trait of theirs.
    ranked = [f for f in strongest if not f.endswith(f"={NOT_KNOWN}")]
    shared = (
        f for f in ranked if present.share(group, 1 if row[f] > 0 else -1, f) >= LEAST_MEMBERS
    )
    feature = next(shared, None)
    base = MIXED
    if feature is not None:
        level = "High" if row[feature] > 0 else "Low"
        base = f"{level} {feature.replace('_', ' ').replace('=', ' ')}"
    name = base
    number = 2
    while name in used:
        name = f"{base} {number}"
        number = number + 1
    return name


def has_lost(
    row: pd.Series, present: Presence, group: int, entry: Mapping[str, Any], people: int
) -> bool:
    """Whether a name that a group of so many people carries is false by now: most members lack its
    defining trait, by more than chance, so that a trait of about half of them renames nobody.
    """
    signs = _signs(row, entry)
    if not signs:
        return False
    share = present.share(group, *_defining(row, signs))
    noise = 1.645 * float(np.sqrt(share * (1 - share) / max(people, 1)))
    return share + noise < LEAST_MEMBERS


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
    rows, columns = _assigned(-overlap)
    return {
        int(table.index[r]): Kept(
            int(table.columns[c]), names[int(table.columns[c])], float(overlap[r, c])
        )
        for r, c in zip(rows, columns, strict=True)
        if overlap[r, c] >= least and int(table.columns[c]) in names
    }
