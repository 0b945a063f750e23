"""Slots of config/content/*.yml: variants, fallback, and the rules that choose among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from experiments.content.templates import Template
from segments.evaluation import Evaluator
from segments.predicates import Predicate

FOLDER = "content"
FALLBACK = "fallback"
# The segment of a rule that every profile matches.
ALL = "all"


@dataclass(frozen=True)
class Schedule:
    """From starts_at up to ends_at, both with their zone; None has no such end."""

    starts_at: datetime | None
    ends_at: datetime | None

    def contains(self, now: datetime) -> bool:
        """Whether it is on; now: with its zone."""
        return (self.starts_at is None or self.starts_at <= now) and (
            self.ends_at is None or now < self.ends_at
        )

    @property
    def is_limited(self) -> bool:
        """Whether it has a start or an end."""
        return self.starts_at is not None or self.ends_at is not None

    def includes(self, other: Schedule) -> bool:
        """Whether it is on whenever the other is."""
        starts = self.starts_at is None or (
            other.starts_at is not None and self.starts_at <= other.starts_at
        )
        ends = self.ends_at is None or (other.ends_at is not None and other.ends_at <= self.ends_at)
        return starts and ends

    def overlaps(self, other: Schedule) -> bool:
        """Whether both are on at some time."""
        return _begins_before(self.starts_at, other.ends_at) and _begins_before(
            other.starts_at, self.ends_at
        )


def _begins_before(start: datetime | None, end: datetime | None) -> bool:
    return start is None or end is None or start < end


@dataclass(frozen=True)
class ViewCap:
    """A person sees a variant at most times within any window of this length."""

    times: int
    per: timedelta

    def __str__(self) -> str:
        return f"{self.times} times within {self.per}"


@dataclass(frozen=True)
class Variant:
    """One content of a slot."""

    name: str
    description: str
    template: Template
    schedule: Schedule
    cap: ViewCap | None


@dataclass(frozen=True)
class ContentRule:
    """Who is shown what. place: 1 for the first rule of the file.

    segment: None for every profile. weights: variant to weight, relative. arms: variant of the
    experiment to variant of the slot. One of the two is empty.
    """

    place: int
    segment: str | None
    condition: Predicate | None
    matches: Evaluator | None
    weights: Mapping[str, float]
    experiment: str | None
    arms: Mapping[str, str]
    priority: int | None
    is_override: bool
    schedule: Schedule

    @property
    def shows(self) -> tuple[str, ...]:
        """The variants that it may show."""
        if self.experiment is not None:
            return tuple(dict.fromkeys(self.arms.values()))
        return tuple(name for name, weight in self.weights.items() if weight > 0)

    def __str__(self) -> str:
        return f"rule {self.place} for {self.segment or ALL}"


@dataclass(frozen=True)
class Slot:
    """A place for content. fallback: its text, which needs nothing and cannot fail.

    policy: priority or most_specific. zone: of the hour and weekday of its conditions.
    """

    name: str
    description: str
    owner: str
    is_html: bool
    zone: ZoneInfo
    policy: str
    salt: str
    variants: Mapping[str, Variant]
    fallback: str
    rules: tuple[ContentRule, ...]

    def ordered(self, sizes: Mapping[str, int]) -> tuple[ContentRule, ...]:
        """The rules in the order in which they are tried: overrides, then by the policy.

        sizes: segment to the number of its members; one that is missing counts as the largest. Two
        rules that are equal are in the order of the file.
        """

        def size(rule: ContentRule) -> float:
            return sizes.get(rule.segment, float("inf")) if rule.segment else float("inf")

        def key(rule: ContentRule) -> tuple[float, ...]:
            override = 0 if rule.is_override else 1
            priority = float("inf") if rule.priority is None else rule.priority
            if self.policy == "priority":
                return (override, priority, rule.place)
            everyone = 1 if rule.segment is None else 0
            unconditional = 1 if rule.condition is None else 0
            return (override, everyone, size(rule), unconditional, priority, rule.place)

        return tuple(sorted(self.rules, key=key))
