"""When time alone may change a membership: the next time at which a fact of a profile enters or
leaves a window.

A membership can change only when a value changes, and without a new fact a value changes only when
the age of a fact crosses a limit that a statement or a rule names. The ages come from the compiled
statements (``Definition.edges``) and from the rules about days; the newest fact of each kind is
also looked at each whole day, for values that count days (``days_since_last_order``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from live import definition
from live.computation import name
from live.facts import FACTS, Facts
from live.stays import RuleBook
from segments.predicates import Literal, Operand, ProfileColumn, leaves, operands

_DAY = 86400
_SECOND = 1_000_000  # microseconds


def ages(found: definition.Definition, book: RuleBook) -> tuple[int, ...]:
    """Ages of facts, in seconds, at which a value that a rule reads may change."""
    days: set[int] = set()
    for rule in book.rules.values():
        for predicate in (rule.segment.predicate, rule.segment.stay):
            for leaf in leaves(predicate) if predicate is not None else ():
                days |= _days(operands(leaf))
    return tuple(sorted({0, *found.edges, *(day * _DAY for day in days if day > 0)}))


def _days(parts: Iterable[Operand]) -> set[int]:
    """Whole days that a condition on a number of days compares with, and the next one."""
    read = list(parts)
    if not any("days" in part.name for part in read if isinstance(part, ProfileColumn)):
        return set()
    values = [part.value for part in read if isinstance(part, Literal)]
    numbers = [int(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    return {day for number in numbers for day in (number, number + 1)}


def next_times(
    facts: Facts, limits: Iterable[int], as_of: datetime, people: Collection[str] | None = None
) -> dict[str, datetime]:
    """The next time behind as_of of each profile, or of these profiles, by their facts alone.

    A fact counts once it is before the clock, so it is a microsecond behind its edge.
    """
    if people is not None:
        name(facts, people)
    parts = [
        _of_column(relation, column, tuple(limits), people is not None)
        for relation, columns in facts.times.items()
        for column in columns
    ]
    rows = facts.connection.execute(
        "with clock as (select cast(? as timestamp) as as_of)"
        f" select profile_id, min(due_at) from ({' union all '.join(parts)})"
        " where due_at is not null and profile_id is not null group by profile_id",
        [as_of],
    ).fetchall()
    return dict(rows)


def _of_column(relation: str, column: str, limits: tuple[int, ...], is_some: bool) -> str:
    owner = "owner_id" if relation == definition.EVENTS else "profile_id"
    at = f"known.{column}"
    spans = [f"to_microseconds({limit * _SECOND + 1}::bigint)" for limit in limits]
    crossed = [
        f"min(case when {at} + {span} > clock.as_of then {at} + {span} end)" for span in spans
    ]
    behind = f"date_diff('microsecond', max({at}), any_value(clock.as_of))"
    day = _DAY * _SECOND
    crossed.append(
        f"case when {behind} >= 0 then"
        f" max({at}) + to_microseconds((({behind} - 1) // {day} + 1) * {day} + 1) end"
    )
    where = f"where {owner} in (from affected)" if is_some else ""
    return (
        f"(select {owner} as profile_id, least({', '.join(crossed)}) as due_at"
        f" from {FACTS}.{relation} as known cross join clock {where} group by {owner})"
    )
