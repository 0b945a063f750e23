"""The bulk of the records, in time: what a run's clock follows, and what lies ahead of it.

Records are sorted by hour and cut where nothing happened for long. The newest group counts when
enough people are in it; one record with a wrong clock, or one device that sends many, does not.
Records about nobody, such as a catalogue's, count only where there are no others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

MASK_BITS = 62
# Up to this many pauses nothing is known of the usual one, and the longest lead that is allowed at
# all applies.
KNOWN_PAUSES = 100
# Five times a pause that all but 1 % of the pauses stay below: nights, weekends and holidays pass.
PAUSE_FACTOR = 5
PAUSE_SHARE = 0.99
SHORTEST_LEAD = timedelta(days=1)
# One person in a thousand records, three at least; thirty people have no wrong clock all at once.
# Half of them are enough where two sources agree.
PEOPLE_PER_RECORD = 0.001
FEWEST_PEOPLE = 3
ENOUGH_PEOPLE = 30
# In a lake of a handful of records three in ten of them are as good as a bulk.
HANDFUL = 30
LARGE_SHARE = 0.3


@dataclass(frozen=True, order=True)
class Hour:
    """Accepted records of one source in one hour. people: one bit per person, see the macro
    ``people_mask``.
    """

    at: datetime
    source: str
    records: int
    people: int
    newest_at: datetime


@dataclass(frozen=True)
class Group:
    """Hours with no long pause between them, the oldest first."""

    hours: tuple[Hour, ...]

    @property
    def records(self) -> int:
        """Records in the group."""
        return sum(hour.records for hour in self.hours)

    @property
    def records_of_people(self) -> int:
        """Records of sources that are about people."""
        return sum(hour.records for hour in self.hours if hour.people)

    @property
    def people(self) -> int:
        """Different people in the group, at most 62."""
        mask = 0
        for hour in self.hours:
            mask |= hour.people
        return mask.bit_count()

    @property
    def sources(self) -> tuple[str, ...]:
        """Sources in the group that are about people."""
        return tuple(sorted({hour.source for hour in self.hours if hour.people}))

    @property
    def newest_at(self) -> datetime:
        """Time of the newest record."""
        return max(hour.newest_at for hour in self.hours)


@dataclass(frozen=True)
class Bulk:
    """newest_at: time of the newest record of the bulk. ahead: groups after it that too few people
    support.
    """

    newest_at: datetime
    ahead: tuple[Group, ...]


def find(hours: Sequence[Hour], longest_lead: timedelta) -> Bulk | None:
    """The bulk of these hours, None without records. longest_lead: a pause that cuts a lake of any
    density.
    """
    groups = _groups(sorted(hours), longest_lead)
    if not groups:
        return None
    total = sum(group.records_of_people for group in groups)
    supported = [place for place, group in enumerate(groups) if _is_supported(group, total)]
    # Without any, the group of most records is the bulk, and of equal ones the newest.
    last = (
        supported[-1]
        if supported
        else max(range(len(groups)), key=lambda place: (*_weight(groups[place]), place))
    )
    return Bulk(groups[last].newest_at, tuple(groups[last + 1 :]))


def _groups(hours: Sequence[Hour], longest_lead: timedelta) -> list[Group]:
    times = sorted({hour.at for hour in hours})
    lead = _lead([later - at for at, later in pairwise(times)], longest_lead)
    groups: list[list[Hour]] = []
    for hour in hours:
        if not groups or hour.at - groups[-1][-1].at > lead:
            groups.append([])
        groups[-1].append(hour)
    return [Group(tuple(group)) for group in groups]


def _lead(pauses: Sequence[timedelta], longest_lead: timedelta) -> timedelta:
    if len(pauses) < KNOWN_PAUSES:
        return longest_lead
    usual = sorted(pauses)[math.ceil(PAUSE_SHARE * len(pauses)) - 1]
    return min(max(PAUSE_FACTOR * usual, SHORTEST_LEAD), longest_lead)


def _is_supported(group: Group, total: int) -> bool:
    needed = min(max(math.ceil(PEOPLE_PER_RECORD * total), FEWEST_PEOPLE), ENOUGH_PEOPLE)
    if len(group.sources) > 1:
        needed = (needed + 1) // 2
    is_large = total <= HANDFUL and group.records_of_people >= LARGE_SHARE * total
    return group.people >= needed or (group.people > 0 and is_large)


def _weight(group: Group) -> tuple[int, int]:
    """Records of people first; all others decide between groups without any."""
    return group.records_of_people, group.records


def moves_alone(hours: Sequence[Hour], before: datetime, newest_at: datetime) -> bool:
    """Whether the records between two times are far fewer than on a usual day: the clock moved and
    the bulk did not.

    Usual is the median day among the last 28 with records up to ``before``; below 20 records a day
    nothing is usual.
    """
    days: dict[datetime, int] = {}
    for hour in hours:
        day = hour.at.replace(hour=0)
        days[day] = days.get(day, 0) + hour.records
    past = [records for day, records in sorted(days.items()) if day <= before][-28:]
    usual = sorted(past)[len(past) // 2] if past else 0
    arrived = sum(hour.records for hour in hours if before <= hour.at <= newest_at)
    return usual >= 20 and arrived < usual / 2
