"""What is likely a mistake in content: reported before anybody sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations

from experiments.content.slots import ContentRule, Slot
from experiments.definitions import Experiment

ERROR = "error"
WARNING = "warning"
NOTE = "note"
_BY_PLACE = "its place in the file"
# Number of profiles in both of two segments; None where that is not known.
Shared = Callable[[str, str], int | None]


@dataclass(frozen=True)
class ContentFinding:
    """One finding. severity: an error stops the slot; a note is how the policy decides."""

    slot: str
    severity: str
    kind: str
    detail: str


def check(
    slot: Slot,
    sizes: Mapping[str, int],
    experiments: Mapping[str, Experiment],
    shared: Shared,
    now: datetime,
) -> list[ContentFinding]:
    """Every finding of one slot, the gravest first. now: with its zone."""
    ordered = slot.ordered(sizes)
    found = [
        *_unreachable(slot, ordered, now),
        *_over(slot, now),
        *_gaps(slot),
        *_unmeasured(slot, experiments, now),
        *_overlaps(slot, ordered, sizes, shared),
    ]
    return sorted(found, key=lambda one: (ERROR, WARNING, NOTE).index(one.severity))


def _unreachable(
    slot: Slot, ordered: tuple[ContentRule, ...], now: datetime
) -> Iterator[ContentFinding]:
    reached: set[str] = set()
    for place, rule in enumerate(ordered):
        earlier = next((other for other in ordered[:place] if _covers(slot, other, rule)), None)
        if earlier is None:
            reached.update(rule.shows)
            continue
        yield ContentFinding(
            slot.name, WARNING, "unreachable_rule", f"{rule} is never used: {earlier} comes first"
        )
    for name in slot.variants:
        if name not in reached:
            detail = f"no rule that is used shows the variant {name}"
            yield ContentFinding(slot.name, WARNING, "unreachable_variant", detail)


def _covers(slot: Slot, earlier: ContentRule, later: ContentRule) -> bool:
    """Whether the earlier rule always decides for all profiles that the later one matches."""
    is_limited = any(
        slot.variants[name].cap or slot.variants[name].schedule.is_limited for name in earlier.shows
    )
    condition = earlier.condition
    return (
        not is_limited
        and earlier.segment in {None, later.segment}
        and (condition is None or condition == later.condition)
        and earlier.schedule.includes(later.schedule)
    )


def _over(slot: Slot, now: datetime) -> Iterator[ContentFinding]:
    dated = {f"the variant {name}": v.schedule for name, v in slot.variants.items()}
    dated |= {str(rule): rule.schedule for rule in slot.rules}
    for name, schedule in dated.items():
        if schedule.ends_at is not None and schedule.ends_at <= now:
            detail = f"{name} ended at {schedule.ends_at.isoformat()}"
            yield ContentFinding(slot.name, WARNING, "ended", detail)


def _gaps(slot: Slot) -> Iterator[ContentFinding]:
    for name, variant in slot.variants.items():
        for column in sorted(variant.template.bare):
            detail = f"the variant {name} prints {column} without the filter default"
            yield ContentFinding(slot.name, WARNING, "no_default", detail)
    if not slot.rules:
        yield ContentFinding(slot.name, WARNING, "no_rules", "the slot only shows its fallback")


def _unmeasured(
    slot: Slot, experiments: Mapping[str, Experiment], now: datetime
) -> Iterator[ContentFinding]:
    today = now.astimezone(UTC).replace(tzinfo=None)
    for rule in slot.rules:
        if rule.experiment is None:
            continue
        experiment = experiments[rule.experiment]
        if experiment.event is None:
            detail = (
                f"{rule}: {experiment.name} counts what a sync sends; it needs exposure: {{event:"
                " Experiment Viewed}"
            )
            yield ContentFinding(slot.name, WARNING, "not_measured", detail)
        if experiment.end <= today:
            detail = f"{rule}: {experiment.name} has ended; all are shown its control"
            yield ContentFinding(slot.name, WARNING, "ended", detail)


def _overlaps(
    slot: Slot, ordered: tuple[ContentRule, ...], sizes: Mapping[str, int], shared: Shared
) -> Iterator[ContentFinding]:
    for first, second in combinations(ordered, 2):
        if set(first.shows) == set(second.shows) or not first.schedule.overlaps(second.schedule):
            continue
        both = _both(first, second, shared)
        if both == 0:
            continue
        count = "" if both is None else f" ({both:,} profiles)"
        by = _decided_by(slot, first, second, sizes)
        if second.segment is None and by != _BY_PLACE:
            continue  # a rule for all is the usual last one
        detail = f"{first} and {second} overlap{count}: the first wins by {by}"
        severity = WARNING if by == _BY_PLACE else NOTE
        yield ContentFinding(slot.name, severity, "overlap", detail)


def _both(first: ContentRule, second: ContentRule, shared: Shared) -> int | None:
    if first.segment is None or second.segment is None or first.segment == second.segment:
        return None
    return shared(first.segment, second.segment)


def _decided_by(
    slot: Slot, first: ContentRule, second: ContentRule, sizes: Mapping[str, int]
) -> str:
    if first.is_override != second.is_override:
        return "override"
    if slot.policy == "most_specific":
        if (first.segment is None) != (second.segment is None):
            return "its segment"
        if sizes.get(first.segment or "") != sizes.get(second.segment or ""):
            return "its smaller segment"
        if (first.condition is None) != (second.condition is None):
            return "its condition"
    return "its priority" if first.priority != second.priority else _BY_PLACE
