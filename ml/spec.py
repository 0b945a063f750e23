"""What a file in ml/models/ declares: one model, as data plus an unfitted estimator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from ml.estimators import Estimator as Estimator


@dataclass(frozen=True)
class Costs:
    """What a decision costs the business, in one currency, for the cost curve.

    contact: acting on one person. missed: not acting on a person whose label is true. saved: share
    of true cases that acting wins over (0 to 1).
    """

    contact: float = 1.0
    missed: float = 20.0
    saved: float = 0.3


@dataclass(frozen=True)
class ModelSpec:
    """A probability per person, learnt from what happened after past as_of dates.

    population_sql: ``profile_id, as_of`` of the people to score. label_sql: ``profile_id, as_of,
    label`` (the outcome, 0 or 1). Both read marts and the relation ``training_dates(as_of,
    until_at)``; the population may use nothing at or after ``as_of``, the label looks at ``[as_of,
    until_at)``. heuristic: the feature whose plain order any model must beat. estimator: builds the
    unfitted main candidate; rivals: standard candidates tried next to it (ml/fit/candidates.py).
    exclude: features (fnmatch patterns) the model must not see.
    """

    name: str
    description: str
    population_sql: str
    label_sql: str
    heuristic: str
    estimator: Callable[[], Estimator]
    horizon_days: int = 90
    rivals: tuple[str, ...] = ("logistic", "lightgbm")
    exclude: tuple[str, ...] = ()
    costs: Costs = Costs()
    groups: tuple[str, ...] = ("usual_country", "subscription_plan")
    has_score: ClassVar[bool] = True  # a column of profiles
    is_choice: ClassVar[bool] = False


@dataclass(frozen=True)
class PersonaSpec:
    """Groups of people that behave alike, with names that stay with them.

    population_sql: ``profile_id, as_of`` of the people to group; it reads the relation
    ``training_dates(as_of, until_at)``. include, exclude: features (fnmatch patterns). rivals:
    further algorithms, of ml/fit/clusterers.py. vocabulary: key of the persona names in the policy
    ``training.personas``.
    """

    name: str
    description: str
    population_sql: str
    estimator: Callable[[int, int], Estimator]
    rivals: tuple[str, ...] = ()
    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    clusters: tuple[int, int] = (3, 8)
    labels: Mapping[str, str] = field(default_factory=dict)
    has_score: ClassVar[bool] = False
    is_choice: ClassVar[bool] = False
    horizon_days: ClassVar[int] = 90  # from ``as_of`` to ``until_at``


@dataclass(frozen=True)
class ForecastSpec:
    """An amount per person (money, days), or the most likely of several choices, learnt from past
    as_of dates.

    population_sql, heuristic, horizon_days, exclude: as in ModelSpec. label_sql: ``profile_id,
    as_of, label``; a label of type double is an amount of at least 0 and is forecast in the mean,
    text is a choice. NULL labels are not learnt from. unit: what the score is in. most: the largest
    amount there can be. rivals: names of ml/fit/candidates.py for amounts, or for choices.
    is_choice: the label is text; the most likely choice is a column of profiles next to the score.
    """

    name: str
    description: str
    population_sql: str
    label_sql: str
    heuristic: str
    estimator: Callable[[], Estimator]
    unit: str
    most: float | None = None
    horizon_days: int = 90
    rivals: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    is_choice: bool = False
    has_score: ClassVar[bool] = True


@dataclass(frozen=True)
class UpliftSpec:
    """What a treatment adds to an outcome, per person, learnt from people treated at random.

    population_sql: ``profile_id, as_of`` of the people to score, as in ModelSpec. trial_sql:
    ``profile_id, is_treated, assigned_at, label``, one row per person of a hold-out or experiment;
    label is the outcome of the horizon_days from assigned_at, a double in ``unit``. It reads
    ``training_dates``, whose one row has the run's clock as ``until_at``, and the time that leaves
    room for an outcome as ``as_of``. trial_relation: what the query cannot do without. estimator:
    an unfitted regressor, for outcomes and for effects.
    """

    name: str
    description: str
    population_sql: str
    trial_relation: str
    trial_sql: str
    estimator: Callable[[], Estimator]
    unit: str
    horizon_days: int = 30
    exclude: tuple[str, ...] = ()
    has_score: ClassVar[bool] = True
    is_choice: ClassVar[bool] = False


Learnt = ModelSpec | ForecastSpec
Spec = ModelSpec | ForecastSpec | PersonaSpec | UpliftSpec
