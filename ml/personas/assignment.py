"""Who has which persona: the most likely one, except for people on a border and people who were
judged.
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


def held_before(lake: Lake, as_of: datetime) -> pd.Series:
    """Personas by profile id as of the newest time before this one: nothing that a second run would
    find changed.
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
    held: pd.Series | None = None, said: pd.Series | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Rows of ml.cluster_assignments: everybody's persona, how sure, and who is an outlier or
    between two.

    held, said: personas by profile id, as they were before and as a verdict says. Who has a persona
    keeps it until another is more likely by the policy's ``persona_margin``; a verdict counts
    whatever the likelihood. The columns of RUNNER_UP next to them tell the most likely other
    persona, and how likely it is.
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
    # A group that the deck has no card for holds nobody: its number is that of its centre.
    which = np.array([int(card["group"]) for card in cards])
    points = model[:-1].transform(columns.expected_columns(model, people))
    shares = clusterers.memberships(model[-1], points)[:, which]
    before, verdicts = (_places(people, names, given) for given in (held, said))
    groups = np.where(verdicts >= 0, verdicts, _settled(shares, before, policy.persona_margin))
    everybody = np.arange(len(people))
    far = clusterers.distances(model[-1], points)[:, which][everybody, groups]
    is_torn = shares[everybody, groups] < policy.ambiguous_below
    status = np.where(far > limits[groups], "outlier", np.where(is_torn, "ambiguous", "member"))
    rows = _rows(people, as_of, version, names, ids, groups, shares, status)
    unsaid = verdicts < 0
    return rows.assign(
        status=rows["status"].where(unsaid, REVIEWED),
        confidence=rows["confidence"].where(unsaid, 1.0),
    )


def _settled(shares: Matrix, before: clusterers.Groups, margin: float) -> clusterers.Groups:
    """The most likely group; the one before where it is not more likely by the margin."""
    best = shares.argmax(axis=1)
    everybody = np.arange(len(shares))
    lead = shares[everybody, best] - shares[everybody, before]
    return np.where((before >= 0) & (lead < margin), before, best)


def _places(people: pd.DataFrame, names: Array, given: pd.Series | None) -> clusterers.Groups:
    """The place among names of each person's given persona; -1 without one, or where it is no
    more.
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
    everybody = np.arange(len(people))
    others = shares.copy()
    others[everybody, groups] = -1.0
    seconds = others.argmax(axis=1)
    return pd.DataFrame(
        {
            "profile_id": people["profile_id"].to_numpy(),
            "as_of": as_of,
            "cluster_id": ids[groups],
            "persona": names[groups],
            "confidence": shares[everybody, groups],
            "model_version": version,
            "status": status,
            "second": names[seconds],
            "second_confidence": shares[everybody, seconds],
        }
    )


def told(model: Steps, deck: Deck, people: pd.DataFrame, said: pd.Series) -> list[str]:
    """A line on how often the groups alone say what people's verdicts say; none without
    verdicts.
    """
    judged = people[people["profile_id"].isin(said.index)]
    if not len(judged):
        return []
    names = {int(card["group"]): card["persona"] for card in deck["cards"]}
    groups = model.predict(columns.expected_columns(model, judged))
    same = [names[int(g)] == said[one] for g, one in zip(groups, judged["profile_id"], strict=True)]
    return [
        f"verdicts on {len(judged):,} people count; the groups alone say the same of {sum(same):,}"
    ]
