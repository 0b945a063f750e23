"""The operator's choices about training and drift: ``training:`` and ``drift:`` of
config/policies.yml.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Self, TypeVar

from segmentry import configuration
from segmentry.errors import ConfigError
from segmentry.settings import Settings

T = TypeVar("T")
SEARCHES = ("bayesian", "grid")
LEAST = {"embargo_days": 0, "max_periods": 1}


@dataclass(frozen=True)
class TrainingPolicy:
    """How models are trained and when one may become champion.

    retrain_after_days: age of a model's last training at which it is due again. embargo_days: days
    between the last outcome learnt from and the time of the test. max_periods: back-test periods.
    trials:
    hyperparameter trials per candidate (0: defaults only), for the best two by their defaults.
    search: how trials are chosen, ``bayesian`` or ``grid`` (ends and middle of each range).
    seconds_per_model: ceiling of the search; one that is cut short reports it. min_rows, min_class:
    fewer training rows, or fewer of the rarer class, and training is refused. max_categories: a
    text feature with more distinct values is left out. confidence: certainty with which a
    challenger must be better. max_calibration_error: ECE above it (and above what chance explains)
    bars promotion. max_group_gap: how much worse the AUC may be in a group of people than overall.
    max_group_calibration_gap: how far the mean score of a group may be from its true share.
    min_selection_ratio: the least share of the selection rate of the most selected group.
    max_total_error: by how large a share the sum of forecast amounts may miss what came.
    min_silhouette, min_stability: floors for personas. persona_margin: how much more likely another
    persona must be before a person who has one gets it. regroup_gain: how much clearer (silhouette)
    another number of groups, or another algorithm, must be before it replaces the groups that are
    known.
    """

    retrain_after_days: int = 7
    embargo_days: int = 7
    max_periods: int = 3
    trials: int = 2
    search: str = "bayesian"
    seconds_per_model: float = 90.0
    threads: int = 1
    seed: int = 7
    min_rows: int = 200
    min_class: int = 25
    max_categories: int = 25
    confidence: float = 0.95
    resamples: int = 300
    max_calibration_error: float = 0.05
    max_group_gap: float = 0.15
    max_group_calibration_gap: float = 0.1
    min_selection_ratio: float = 0.8
    max_total_error: float = 0.25
    max_seconds_per_100k: float = 30.0
    min_silhouette: float = 0.05
    min_stability: float = 0.6
    ambiguous_below: float = 0.5
    outlier_share: float = 0.01
    persona_margin: float = 0.2
    regroup_gain: float = 0.05
    verdict_weight: int = 5
    personas: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def read(cls, settings: Settings) -> Self:
        """The policy of config/policies.yml, with defaults for what it leaves out."""
        return _from_policies(cls, settings, "training")


@dataclass(frozen=True)
class DriftPolicy:
    """Thresholds of drift. psi_*: population stability index; calibration: growth of ECE.
    max_drifted_share: share of the features' importance. ages: features (patterns) that move as
    people and the shop age; what that moves them by is not drift.
    """

    psi_warning: float = 0.1
    psi_alarm: float = 0.25
    max_drifted_share: float = 0.3
    max_label_shift: float = 0.1
    max_calibration_growth: float = 0.05
    min_persona_overlap: float = 0.5
    ages: list[str] = field(
        default_factory=lambda: ["*_365d", "*_lifetime", "days_since_first_*", "longest_*"]
    )

    @classmethod
    def read(cls, settings: Settings) -> Self:
        """The policy of config/policies.yml, with defaults for what it leaves out."""
        return _from_policies(cls, settings, "drift")


def _from_policies(kind: type[T], settings: Settings, section: str) -> T:
    given = configuration.policies(settings).get(section) or {}
    known = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(given) - known)
    if unknown:
        raise ConfigError(
            f"config/policies.yml: {section} has the unknown key(s) {', '.join(unknown)}",
            allowed=", ".join(sorted(known)),
            remedy="correct or remove them",
        )
    if given.get("search", "grid") not in SEARCHES:
        raise ConfigError(
            f"config/policies.yml: {section}.search is '{given['search']}'",
            allowed=" or ".join(SEARCHES),
            remedy="correct it",
        )
    for name, least in LEAST.items():
        if given.get(name, least) < least:
            raise ConfigError(
                f"config/policies.yml: {section}.{name} is {given[name]}",
                allowed=f"{least} or more",
                remedy="correct it",
            )
    return kind(**given)
