"""The operator's choices about recommendations: ``recommendations:`` of config/policies.yml."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

from segmentry import configuration
from segmentry.errors import ConfigError
from segmentry.settings import Settings

NAME = "recommendations"  # of the section, the item of the stage score, and the experiment


@dataclass(frozen=True)
class RecommendationPolicy:
    """How products are recommended.

    size: products per list. history_days: purchases that are learnt from. trending_days: purchases
    that trending counts, and the days of the test period. viewed_days: views that are used for a
    person without purchases. not_bought_days: a product that the person bought in so many days is
    not recommended. max_per_category: products of one category in a list; 0 is no limit.
    only_active: leave out products that the catalogue states are not active. max_products: the
    most bought products that the model knows; its time grows with their cube. shrinkage: the
    penalty of the model's weights; more is more cautious. min_together: so many baskets must have
    both products of a pair.
    """

    size: int = 10
    history_days: int = 365
    trending_days: int = 30
    viewed_days: int = 30
    not_bought_days: int = 30
    max_per_category: int = 4
    only_active: bool = True
    max_products: int = 4000
    shrinkage: float = 200.0
    min_together: int = 2

    @classmethod
    def read(cls, settings: Settings) -> Self:
        """The policy of config/policies.yml, with defaults for what it leaves out."""
        return cls.of(configuration.policies(settings).get(NAME) or {})

    @classmethod
    def of(cls, given: dict[str, Any]) -> Self:
        """A policy from these values, or ConfigError that names the one that does not fit."""
        known = {f.name: f for f in fields(cls)}
        for name, value in given.items():
            if name not in known:
                raise _refused(name, "an unknown key", ", ".join(known))
            default = known[name].default
            if isinstance(default, bool) or isinstance(value, bool):
                if not (isinstance(default, bool) and isinstance(value, bool)):
                    raise _refused(name, repr(value), "true or false, for only_active alone")
                continue
            least = 0 if name in {"not_bought_days", "max_per_category"} else 1
            is_right = isinstance(value, int) or (
                isinstance(default, float) and isinstance(value, float)
            )
            if not is_right or value < least:
                kind = "a number" if isinstance(default, float) else "a whole number"
                raise _refused(name, repr(value), f"{kind}, {least} or more")
        return cls(**given)


def _refused(name: str, received: str, allowed: str) -> ConfigError:
    return ConfigError(
        f"config/policies.yml: {NAME}.{name} is {received}",
        allowed=allowed,
        remedy="correct or remove it",
    )
