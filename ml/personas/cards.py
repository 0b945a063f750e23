"""The deck of persona cards: each group's name across retrains, what sets it apart and how to reach
it. For the grouping of personas.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ml.data.columns import expected_columns
from ml.data.frames import FeatureSet
from ml.estimators import Clusterer, Matrix, Model
from ml.evaluate import plots
from ml.fit import clusterers
from ml.fit.clustering import Choice
from ml.personas import naming
from ml.policy import DriftPolicy, TrainingPolicy

ARTIFACT = "personas.json"
# traits shown per card; further ones are weaker than a tenth of a standard deviation on most shops
TRAITS = 6

Deck = dict[str, Any]


@dataclass(frozen=True)
class Former:
    """The champion's deck, and the id of the persona that each of these people has in it."""

    deck: Deck
    ids: clusterers.Groups

    @property
    def names(self) -> dict[int, str]:
        """Personas by their ids."""
        return {card["cluster_id"]: card["persona"] for card in self.deck["cards"]}


def names(deck: Deck) -> set[str]:
    """Every persona, current or retired."""
    return {card["persona"] for card in deck["cards"]} | set(deck["retired"])


def former(deck: Deck, model: Model, people: pd.DataFrame) -> Former:
    """Which persona of the champion's each of these people has."""
    groups = model.predict(expected_columns(model, people))
    ids = {card["group"]: card["cluster_id"] for card in deck["cards"]}
    return Former(deck, np.array([ids[int(group)] for group in groups]))


def deal(
    best: Choice, rows: Matrix, people: pd.DataFrame, feature_set: FeatureSet,
    policy: TrainingPolicy,
    drift: DriftPolicy, before: Former | None,
) -> Deck:  # fmt: skip
    """One card per group, with ids and names carried over from the champion where the people are
    mostly the same.
    """
    groups = np.asarray(best.fitted.predict(rows))
    found = naming.effects(people[feature_set.names], groups)
    present = naming.presence(people[feature_set.names], groups)
    kept: dict[int, naming.Kept] = {}
    if before is not None:
        kept = naming.carry_over(groups, before.ids, before.names, drift.min_persona_overlap)
    false = _false_names(kept, found, present, groups, policy)
    former = before.deck if before else None
    return _deck(found, present, groups, rows, best, policy, kept, former, false)


def _false_names(
    kept: Mapping[int, naming.Kept], found: pd.DataFrame, present: naming.Presence,
    groups: clusterers.Groups, policy: TrainingPolicy,
) -> frozenset[int]:  # fmt: skip
    """Groups that carry a name of the vocabulary whose defining trait most members have lost."""
    vocabulary = {entry["name"]: entry for entry in policy.personas}
    return frozenset(
        group
        for group, one in kept.items()
        if naming.has_lost(
            pd.Series(found.loc[group]), present, group, vocabulary.get(one.name, {}),
            int((groups == group).sum()),
        )
    )  # fmt: skip


def _deck(
    found: pd.DataFrame, present: naming.Presence, groups: clusterers.Groups, rows: Matrix,
    best: Choice, policy: TrainingPolicy,
    kept: Mapping[int, naming.Kept], former: Deck | None, false: frozenset[int],
) -> Deck:  # fmt: skip
    """A group with a false name keeps its id and gets another name."""
    vocabulary = {entry["name"]: entry for entry in policy.personas}
    used = names(former) if former else set()
    fresh = found.loc[[g for g in found.index if int(g) not in kept or int(g) in false]]
    proposed = naming.propose(fresh, present, policy.personas, used) if len(fresh) else {}
    next_id = former["next_id"] if former else 0
    cards = []
    far = clusterers.distances(best.fitted, rows)[np.arange(len(rows)), groups]
    for group in map(int, found.index):
        carried = kept.get(group)
        cluster_id = carried.cluster_id if carried else next_id
        next_id += 0 if carried else 1
        name = carried.name if carried and group not in false else proposed[group]
        entry = vocabulary.get(name, {})
        inside = groups == group
        cards.append(
            {
                "group": group,
                "cluster_id": cluster_id,
                "persona": name,
                "people": int(inside.sum()),
                "share": float(inside.mean()),
                "overlap_with_former": carried.overlap if carried else None,
                "outlier_distance": float(np.quantile(far[inside], 1 - policy.outlier_share)),
                "traits": _traits(pd.Series(found.loc[group])),
                "channel": entry.get("channel", "email"),
                "hints": entry.get("hints", ""),
            }
        )
    now = {card["persona"] for card in cards}
    retired = sorted(used - now) if former else []
    return {
        "cards": cards,
        "retired": retired,
        "next_id": next_id,
        "hierarchy": hierarchy(cards, best.fitted),
    }


def hierarchy(cards: list[dict[str, Any]], model: Clusterer) -> list[dict[str, Any]]:
    """Which personas are nearest to each other, the nearest first: each step joins two of them, or
    what was joined.
    """
    from scipy.cluster.hierarchy import linkage

    centres = clusterers.centres(model)[[card["group"] for card in cards]]
    joined = [[str(card["persona"])] for card in cards]
    steps = []
    for one, other, distance, _ in linkage(centres, "ward") if len(cards) > 1 else ():
        joined.append(sorted([*joined[int(one)], *joined[int(other)]]))
        steps.append({"personas": joined[-1], "distance": round(float(distance), 3)})
    return steps


def _traits(row: pd.Series) -> list[dict[str, Any]]:
    strongest = row.abs().sort_values(ascending=False, kind="stable").index[:TRAITS]
    return [{"feature": str(f), "effect": round(float(row[f]), 3)} for f in strongest]


def log(found: list[Choice], best: Choice, deck: Deck, title: str, reason: str) -> None:
    """Log the choices side by side with the reason for the best, the deck as JSON and Markdown, and
    the figure of how the number of groups was chosen.
    """
    import mlflow

    mlflow.log_dict({"choices": choice_rows(found, best), "reason": reason}, "choices.json")
    mlflow.log_dict(deck, ARTIFACT)
    text = markdown(deck, title) + "\n" + _choices_as_text(found, best, reason)
    mlflow.log_text(text, "personas.md")
    mlflow.set_tag("mlflow.note.content", text)
    mlflow.set_tag("segmentry.choice", reason)
    sound = [c for c in found if c.is_sound]
    mlflow.log_figure(plots.choices(sound, best.clusters, title), "choices.png")
    mlflow.log_figure(plots.traits(deck["cards"], title), "personas.png")


_FIGURES = ("silhouette", "stability", "recurrence", "valley", "inertia", "bic")


def choice_rows(found: list[Choice], best: Choice) -> list[dict[str, Any]]:
    """Every choice with its figures; ``chosen`` is true for the best. A choice that found no two
    groups has no figures.
    """
    return [
        {
            "algorithm": one.algorithm,
            "clusters": one.clusters,
            **{name: getattr(one, name) if one.is_sound else None for name in _FIGURES},
            "chosen": one is best,
        }
        for one in found
    ]


def _choices_as_text(found: list[Choice], best: Choice, reason: str) -> str:
    shown = _FIGURES[:4]
    lines = ["## Why these groups", reason, "", f"| algorithm | groups | {' | '.join(shown)} |"]
    lines.append("|" + "---|" * (len(shown) + 2))
    for one in choice_rows(found, best):
        figures = ("–" if one[name] is None else f"{one[name]:.3f}" for name in shown)
        mark = " (chosen)" if one["chosen"] else ""
        lines.append(
            f"| {one['algorithm']}{mark} | {one['clusters'] or 'none'} | {' | '.join(figures)} |"
        )
    return "\n".join([*lines, ""])


def markdown(deck: Deck, title: str) -> str:
    """The deck for a reader."""
    lines = [f"# {title}", ""]
    for card in sorted(deck["cards"], key=lambda c: -c["people"]):
        traits = ", ".join(f"{t['feature']} {t['effect']:+.2f}" for t in card["traits"])
        lines += [
            f"## {card['persona']} ({card['share']:.0%}, {card['people']:,} people)",
            f"Sets them apart: {traits}.",
        ]
        lines += [f"Reach by {card['channel']}. {card['hints']}", ""]
    nested = [
        f"- {', '.join(step['personas'])} ({step['distance']:.2f} apart)"
        for step in deck["hierarchy"][:-1]
    ]
    lines += ["## Nearest to each other", *nested, ""] if nested else []
    if deck["retired"]:
        lines.append("Retired: " + ", ".join(deck["retired"]))
    return "\n".join(lines)
