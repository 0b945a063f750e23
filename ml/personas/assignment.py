"""Assigns each person a persona: the most likely one, except for people on a border and people
with a verdict. The trainer of personas calls it.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd

from ml.data import columns
from ml.data.frames import Lake
from ml.estimators import Array, Matrix, Steps
from ml.fit import clusterers
from ml.personas.cards import Deck
from ml.policy import TrainingPolicy
from segmentry import warehouse

RUNNER_UP = ("second", "second_confidence")
REVIEWED = "reviewed"


def read_previous(lake: Lake, as_of: datetime) -> pd.Series:
    """Personas by profile id as of the newest time before this one, so that a second run reads the
    same.
    """
    if not warehouse.relation_exists(lake, "ml.cluster_assignments"):
        return pd.Series(dtype=object)
    rows = lake.execute(
        """
        select profile_id, persona from ml.cluster_assignments
        where as_of = (select max(as_of) from ml.cluster_assignments where as_of < ?)
        order by profile_id
        """,
        [as_of],
    ).df()
    return pd.Series(rows["persona"].to_numpy(), index=rows["profile_id"], dtype=object)


def assign(
    model: Steps, deck: Deck, people: pd.DataFrame, as_of: datetime, version: str,
    policy: TrainingPolicy,
    previous: pd.Series | None = None, verdicts: pd.Series | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Rows of ml.cluster_assignments: each person's persona, its confidence, and whether the person
    is an outlier or between two.

    previous, verdicts: personas by profile id, as assigned before and as reviewed. A person keeps a
    persona until another is more likely by the policy's ``persona_margin``; a verdict counts
    whatever the likelihood. The columns of RUNNER_UP next to them are the most likely other persona
    and its likelihood.
    """
    cards = sorted(deck["cards"], key=lambda card: int(card["group"]))
    ids, limits = (
        np.array([card[key] for card in cards]) for key in ("cluster_id", "outlier_distance")
    )
    names = np.array([card["persona"] for card in cards], dtype=object)
    if not len(people):
        return _rows(
            people,
            as_of,
            version,
            names,
            ids,
            np.zeros(0, dtype=int),
            np.zeros((0, 2)),
            np.zeros(0),
        )
    # A group without a card in the deck has no people: a card's number is that of its centre.
    which = np.array([int(card["group"]) for card in cards])
    points = model[:-1].transform(columns.expected_columns(model, people))
    shares = clusterers.memberships(model[-1], points)[:, which]
    before = _places(people, names, previous)
    reviewed = _places(people, names, verdicts)
    groups = np.where(reviewed >= 0, reviewed, _settled(shares, before, policy.persona_margin))
    each = np.arange(len(people))
    far = clusterers.distances(model[-1], points)[:, which][each, groups]
    is_torn = shares[each, groups] < policy.ambiguous_below
    status = np.where(far > limits[groups], "outlier", np.where(is_torn, "ambiguous", "member"))
    rows = _rows(people, as_of, version, names, ids, groups, shares, status)
    is_unreviewed = reviewed < 0
    return rows.assign(
        status=rows["status"].where(is_unreviewed, REVIEWED),
        confidence=rows["confidence"].where(is_unreviewed, 1.0),
    )


def _settled(shares: Matrix, before: clusterers.Groups, margin: float) -> clusterers.Groups:
    """The most likely group; the one before where it is not more likely by the margin."""
    best = shares.argmax(axis=1)
    each = np.arange(len(shares))
    lead = shares[each, best] - shares[each, before]
    return np.where((before >= 0) & (lead < margin), before, best)


def _places(people: pd.DataFrame, names: Array, given: pd.Series | None) -> clusterers.Groups:
    """The place among names of each person's given persona; -1 without one, or if it does not exist
    any more.
    """
    if given is None or not len(given):
        return np.full(len(people), -1)
    place = {name: at for at, name in enumerate(names)}
    return people["profile_id"].map(given).map(place).fillna(-1).to_numpy(dtype=int)


def _rows(
    people: pd.DataFrame, as_of: datetime, version: str, names: Array, ids: Array,
    groups: clusterers.Groups,
    shares: Matrix, status: Array,
) -> pd.DataFrame:  # fmt: skip
    each = np.arange(len(people))
    others = shares.copy()
    others[each, groups] = -1.0
    seconds = others.argmax(axis=1)
    return pd.DataFrame(
        {
            "profile_id": people["profile_id"].to_numpy(),
            "as_of": as_of,
            "cluster_id": ids[groups],
            "persona": names[groups],
            "confidence": shares[each, groups],
            "model_version": version,
            "status": status,
            "second": names[seconds],
            "second_confidence": shares[each, seconds],
        }
    )


def report_agreement(
    model: Steps, deck: Deck, people: pd.DataFrame, verdicts: pd.Series
) -> list[str]:
    """A line on how often the groups alone agree with people's verdicts; none without verdicts."""
    judged = people[people["profile_id"].isin(verdicts.index)]
    if not len(judged):
        return []
    names = {int(card["group"]): card["persona"] for card in deck["cards"]}
    groups = model.predict(columns.expected_columns(model, judged))
    pairs = zip(groups, judged["profile_id"], strict=True)
    same = sum(names[int(group)] == verdicts[profile] for group, profile in pairs)
    return [
        f"verdicts on {len(judged):,} people count; the groups alone agree with {same:,} of them"
    ]
