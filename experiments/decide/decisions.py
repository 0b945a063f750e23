"""Chooses one variant for each slot: a function of the person, the request and the time alone.

Nothing that goes wrong reaches the reader: a slot that cannot be decided shows its fallback.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from experiments import assignment
from experiments.content.fields import REQUEST_COLUMNS, RequestContext
from experiments.content.slots import FALLBACK, ContentRule, Slot, Variant
from experiments.decide.person import ANALYTICS, PERSONALIZATION, PurposeBasis, Visitor
from experiments.definitions import Experiment
from segmentry.errors import UsageError

_log = logging.getLogger(__name__)
_UNLESS_REFUSED = PurposeBasis(is_opt_in=False)


class ShownBefore(Protocol):
    """What a person saw before, for frequency caps."""

    def count(self, profile_id: str, slot: str, variant: str, since: datetime) -> int:
        """How often this variant was shown since then."""
        ...


class NothingShown:
    """Without a memory, no cap is reached."""

    def count(self, profile_id: str, slot: str, variant: str, since: datetime) -> int:
        """Zero."""
        return 0


@dataclass(frozen=True)
class Content:
    """All that decisions are made from. order: slot to its rules in the order they are tried.

    consent, analytics: bases of the purposes personalization and analytics.
    """

    slots: Mapping[str, Slot]
    experiments: Mapping[str, Experiment]
    consent: PurposeBasis
    analytics: PurposeBasis = _UNLESS_REFUSED
    sizes: Mapping[str, int] = field(default_factory=dict)
    order: Mapping[str, tuple[ContentRule, ...]] = field(init=False)

    def __post_init__(self) -> None:
        ordered = {name: slot.ordered(self.sizes) for name, slot in self.slots.items()}
        object.__setattr__(self, "order", ordered)


@dataclass(frozen=True)
class SlotDecision:
    """What one slot shows.

    variant: ``fallback`` or a variant's name. propensity: probability that this variant was drawn,
    1 where nothing was drawn. experiment, arm: the assignment, None without one. reasons: from the
    first that counted to the last; none contains a value of the person.
    """

    slot: str
    variant: str
    content: str
    is_html: bool
    propensity: float
    reasons: tuple[str, ...]
    rule: int | None = None
    experiment: str | None = None
    arm: str | None = None


@dataclass(frozen=True)
class _Limits:
    now: datetime
    shown: ShownBefore
    may_print: Callable[[str], bool]


@dataclass(frozen=True)
class _Draw:
    variant: str
    propensity: float
    experiment: str | None = None
    arm: str | None = None


def decide(
    content: Content,
    person: Visitor | None,
    slots: Sequence[str],
    request: RequestContext,
    now: datetime,
    shown: ShownBefore | None = None,
    may_print: Callable[[str], bool] = lambda column: True,
) -> list[SlotDecision]:
    """One decision for each slot, in the order asked for.

    person: None for one who is not known. now: with its zone. may_print: whether the caller gets a
    trait; a variant that prints another one is not shown to it. Raises UsageError for a slot that
    does not exist, and nothing else.
    """
    if unknown := [name for name in slots if name not in content.slots]:
        raise UsageError(
            f"there is no slot {unknown[0][:60]!r}",
            allowed=", ".join(content.slots) or "none exists",
            remedy="correct the name, or add config/content/<name>.yml",
        )
    refusal = _refusal(content.consent, person)
    limits = _Limits(now, shown or NothingShown(), may_print)
    return [
        fallback(content.slots[name], refusal)
        if refusal or person is None
        else _decided(content, content.slots[name], person, request, limits)
        for name in slots
    ]


def fallback(slot: Slot, *reasons: str) -> SlotDecision:
    """The slot's fallback, which uses nothing of a person."""
    return SlotDecision(slot.name, FALLBACK, slot.fallback, slot.is_html, 1.0, reasons)


def _refusal(basis: PurposeBasis, person: Visitor | None) -> str:
    """Why nothing of the person may be used; empty if it may."""
    if person is None:
        return "the person is not known"
    if person.permits(PERSONALIZATION, basis):
        return ""
    stated = "refused" if person.consents.get(PERSONALIZATION) is False else "not given"
    return f"consent to {PERSONALIZATION} is {stated}"


def _decided(
    content: Content, slot: Slot, person: Visitor, request: RequestContext, limits: _Limits
) -> SlotDecision:  # fmt: skip
    skipped: list[str] = []
    try:
        values = {**person.traits, **request.values(limits.now, slot.zone)}
        for rule in content.order[slot.name]:
            if not _applies(rule, person, values, limits.now):
                continue
            draw = _draw(content, slot, rule, person, limits.now)
            variant = slot.variants[draw.variant]
            if reason := _obstacle(slot, variant, person, limits):
                skipped.append(f"{rule}: {reason}")
                continue
            text = variant.template.render(values)
            reasons = (*skipped, str(rule), *_drawn(draw))
            return SlotDecision(
                slot.name, variant.name, text, slot.is_html, draw.propensity, reasons, rule.place,
                draw.experiment, draw.arm,
            )  # fmt: skip
    except Exception as error:  # whatever fails, the reader sees the fallback
        # The message of an error may contain a value of the person; its type does not.
        _log.warning("slot %s fell back: %s", slot.name, type(error).__name__)
        return fallback(slot, *skipped, f"the slot failed with {type(error).__name__}")
    return fallback(slot, *skipped, "no rule matches")


def _applies(rule: ContentRule, person: Visitor, values: Mapping[str, Any], now: datetime) -> bool:
    return (
        (rule.segment is None or rule.segment in person.segments)
        and rule.schedule.contains(now)
        and (rule.matches is None or rule.matches(values) is True)
    )


def _obstacle(slot: Slot, variant: Variant, person: Visitor, limits: _Limits) -> str:
    if not variant.schedule.contains(limits.now):
        return f"{variant.name} is outside its dates"
    for column in sorted(variant.template.columns - REQUEST_COLUMNS.keys()):
        if not limits.may_print(column):
            return f"{variant.name} prints {column}, which the caller does not get"
    if cap := variant.cap:
        since = limits.now - cap.per
        seen = limits.shown.count(person.profile_id, slot.name, variant.name, since)
        if seen >= cap.times:
            return f"{variant.name} was shown {cap}"
    return ""


def _draw(content: Content, slot: Slot, rule: ContentRule, person: Visitor, now: datetime) -> _Draw:
    if rule.experiment is not None:
        is_measurable = person.permits(ANALYTICS, content.analytics)
        experiment = content.experiments[rule.experiment]
        return _drawn_by(experiment, rule, person, now if is_measurable else None)
    drawn = rule.shows
    if len(drawn) == 1:
        return _Draw(drawn[0], 1.0)
    variant = assignment.variant(slot.salt, rule.weights, person.profile_id)
    return _Draw(variant, rule.weights[variant] / sum(rule.weights.values()))


def _drawn_by(
    experiment: Experiment, rule: ContentRule, person: Visitor, now: datetime | None
) -> _Draw:
    """By an experiment: its control outside of its dates, population, layer, and hold-out.

    now: None for a person who may not be measured.
    """
    arm = None
    if now is not None:
        day = now.astimezone(UTC).replace(tzinfo=None)
        is_on = experiment.start <= day < experiment.end
        named = experiment.segments
        if is_on and (named is None or not person.segments.isdisjoint(named)):
            arm = experiment.variant_of(person.profile_id)
    if arm is None:
        return _Draw(rule.arms[experiment.control], 1.0)
    shown = rule.arms[arm]
    total = sum(experiment.weights.values())
    share = sum(w for name, w in experiment.weights.items() if rule.arms[name] == shown) / total
    return _Draw(shown, share, experiment.name, arm)


def _drawn(draw: _Draw) -> list[str]:
    if draw.experiment is not None:
        return [f"experiment {draw.experiment}: {draw.arm}"]
    return [f"drawn with probability {draw.propensity:.4g}"] if draw.propensity < 1 else []
