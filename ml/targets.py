"""Which people a budget should be spent on: those an uplift model expects to persuade, and those it
expects to lose. ``segmentry models target`` calls it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ml.evaluate import targets as measured
from ml.evaluate.metrics import Interval
from ml.registry import catalogue
from ml.registry.tracking import Tracker
from ml.spec import UpliftSpec
from segmentry import warehouse
from segmentry.errors import NotReadyError, UsageError
from segmentry.settings import Settings

_STEPS = 1e9  # a rule has nine decimals
_SQL = "select profile_id\nfrom {{{{ ref('profiles') }}}}\nwhere {condition}\n"
_YML = """models:
  - name: {name}
    description: >
      {description} One row per profile.
    config:
      meta:
          owner: marketing
          purpose: marketing
          priority: 30
          stay_while: {condition}
          action: {action}

unit_tests:
  - name: {name}_at_its_edges
    model: {name}
    given:
      - input: ref('profiles')
        rows:
          - {{profile_id: inside, {column}: {inside}}}
          - {{profile_id: outside, {column}: {outside}}}
          - {{profile_id: not_scored, {column}: null}}
    expect:
      rows:
        - {{profile_id: inside}}
"""


@dataclass(frozen=True)
class BudgetTarget:
    """One segment that a budget leads to.

    column, operator, limit: the segment's rule. gain: expected of all its people together, net of
    the cost of sending, with the ends of its 95% interval; of people who are not sent to, the
    revenue that sending would have lost.
    """

    name: str
    description: str
    action: str
    column: str
    operator: str
    limit: float
    people: int
    cost: float
    effect: Interval
    gain: Interval

    @property
    def condition(self) -> str:
        """The rule as SQL."""
        return f"{self.column} {self.operator} {self.limit:.9f}"

    def files(self) -> dict[str, str]:
        """The segment as the text of its two files, by name."""
        inside = self.limit if self.operator == ">=" else self.limit - 1
        outside = self.limit - 1 if self.operator == ">=" else self.limit
        return {
            f"{self.name}.sql": _SQL.format(condition=self.condition),
            f"{self.name}.yml": _YML.format(
                name=self.name, description=self.description, condition=self.condition,
                action=self.action, column=self.column, inside=f"{inside:.9f}",
                outside=f"{outside:.9f}",
            ),
        }  # fmt: skip


def choose(settings: Settings, model: str, budget: float, cost: float) -> list[BudgetTarget]:
    """The segments of a budget (in the currency of the score) and a cost per person.

    UsageError for figures that are not positive, or a model that is not one of uplift;
    NotReadyError without a champion or its scores.
    """
    for name, value in (("budget", budget), ("cost", cost)):
        if not (math.isfinite(value) and value > 0):
            raise UsageError(
                f"--{name} is {value:g}",
                allowed="a number above 0, in the currency of the model's score",
                remedy=f"give --{name} the money that is meant",
            )
    if not isinstance(catalogue.spec_named(model), UpliftSpec):
        found = [n for n, one in catalogue.specs().items() if isinstance(one, UpliftSpec)]
        raise UsageError(
            f"{model} is no model of uplift: its score does not state what sending changes",
            allowed=", ".join(found) or "a file of ml/models/ with an UpliftSpec",
            remedy="use one of these names",
        )
    effects, scores = _known(settings, model)
    column = f"{model}_score"
    disturbed = _do_not_disturb(model, column, effects, scores)
    limit = measured.threshold(scores, budget, cost)
    if limit is None:
        return [disturbed]
    # Rounded up, so that the rule that is written never exceeds the budget.
    limit = math.ceil(limit * _STEPS) / _STEPS
    people = int((scores >= limit).sum())
    effect = measured.effect_above(effects, limit)
    return [
        BudgetTarget(
            f"{model}_persuadables",
            f"People to send to: each message is expected to bring at least {limit:.2f}.",
            "send",
            column,
            ">=",
            limit,
            people,
            people * cost,
            effect,
            _times(_net(effect, cost), people),
        ),
        disturbed,
    ]


def _net(effect: Interval, cost: float) -> Interval:
    return Interval(effect.value - cost, effect.low - cost, effect.high - cost)


def _times(effect: Interval, people: int) -> Interval:
    return Interval(effect.value * people, effect.low * people, effect.high * people)


def _do_not_disturb(
    model: str, column: str, effects: Mapping[str, Any], scores: np.ndarray
) -> BudgetTarget:
    people = int((scores < 0).sum())
    effect = measured.effect_below(effects, 0.0) if people else Interval(0.0, 0.0, 0.0)
    # Not sending gains what sending would lose.
    saved = Interval(-effect.value, -effect.high, -effect.low)
    return BudgetTarget(
        f"{model}_do_not_disturb",
        "People who are expected to buy less if they are sent to; leave them out of campaigns.",
        "do_not_send",
        column,
        "<",
        0.0,
        people,
        0.0,
        effect,
        _times(saved, people),
    )


def _known(settings: Settings, model: str) -> tuple[Mapping[str, Any], np.ndarray]:
    tracker = Tracker(settings, model)
    champion = tracker.at_alias("champion")
    if champion is None:
        raise NotReadyError(
            f"{model} has no champion, so nothing shows which people sending persuades",
            allowed="a trial with enough people, whose ranking is better than random",
            remedy=f"see the notes of `segmentry models train {model}`",
        )
    with warehouse.connect(settings, read_only=True) as lake:
        rows = []
        if warehouse.relation_exists(lake, "ml.scores"):
            rows = lake.execute(
                "select score from lake.ml.scores where model = $model and as_of = (select"
                " max(as_of) from lake.ml.scores where model = $model)",
                {"model": model},
            ).fetchall()
    if not rows:
        raise NotReadyError(
            f"{model} has scored nobody yet", remedy=f"run `segmentry models score {model}`"
        )
    effects = tracker.artifact(champion.run_id, measured.ARTIFACT)
    return effects, np.array([row[0] for row in rows], dtype=np.float64)


def write(settings: Settings, found: list[BudgetTarget]) -> list[Path]:
    """Write the files of the segments into the dbt project, in place of those of an earlier
    budget; returns their paths.
    """
    folder = settings.dbt_project / "models" / "segments"
    written = []
    for target in found:
        for name, text in target.files().items():
            (folder / name).write_text(text, encoding="utf-8")
            written.append(folder / name)
    return written
