"""The dwell rules as a state machine for one profile in one segment; dbt's dwell_states does the
same for all at once.

A stay is pending until the predicate has matched for enter_after, then in until neither it nor
stay_while has matched for exit_after and min_stay has passed. Time is that of the evaluations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from segments.installed import Segment


@dataclass(frozen=True)
class Rules:
    """How long a condition must be true, and the shortest stay."""

    enter_after: timedelta = timedelta()
    exit_after: timedelta = timedelta()
    min_stay: timedelta = timedelta()

    @classmethod
    def of(cls, segment: Segment) -> Rules:
        """The rules of a segment."""
        return cls(segment.enter_after, segment.exit_after, segment.min_stay)


@dataclass(frozen=True)
class Stay:
    """The state of a profile: entered_at is None while pending, exiting_since is None while a
    condition keeps it in.
    """

    pending_since: datetime
    entered_at: datetime | None = None
    exiting_since: datetime | None = None

    @property
    def is_member(self) -> bool:
        """Whether the profile is in."""
        return self.entered_at is not None


@dataclass(frozen=True)
class Flow:
    """One evaluation of a segment: members after it, and who came and went with it."""

    as_of: datetime
    members: int
    entries: int
    exits: int


Evaluation = tuple[datetime, Mapping[str, bool]]


def step(
    stay: Stay | None, is_match: bool, is_staying: bool, as_of: datetime, rules: Rules
) -> Stay | None:
    """The stay after one evaluation; None is out. is_staying: predicate or stay_while matches."""
    if stay is None or not stay.is_member:
        if not is_match:
            return None
        stay = stay or Stay(as_of)
        return (
            replace(stay, entered_at=as_of)
            if stay.pending_since + rules.enter_after <= as_of
            else stay
        )
    if is_staying:
        return replace(stay, exiting_since=None)
    stay = replace(stay, exiting_since=stay.exiting_since or as_of)
    return None if _may_leave(stay, as_of, rules) else stay


def _may_leave(stay: Stay, as_of: datetime, rules: Rules) -> bool:
    exiting = stay.exiting_since or as_of
    entered = stay.entered_at or as_of
    return exiting + rules.exit_after <= as_of and entered + rules.min_stay <= as_of


def replayed(evaluations: Sequence[Evaluation], rules: Rules) -> list[Flow]:
    """The flows that the rules give for evaluations in order of time.

    Each evaluation maps the profiles that match to whether the predicate matches (True) or only
    stay_while (False).
    """
    stays: dict[str, Stay] = {}
    flows = []
    for as_of, matches in evaluations:
        before = {who for who, stay in stays.items() if stay.is_member}
        following = {}
        for who in {*stays, *matches}:
            stay = step(stays.get(who), matches.get(who, False), who in matches, as_of, rules)
            if stay is not None:
                following[who] = stay
        stays = following
        members = {who for who, stay in stays.items() if stay.is_member}
        flows.append(Flow(as_of, len(members), len(members - before), len(before - members)))
    return flows
