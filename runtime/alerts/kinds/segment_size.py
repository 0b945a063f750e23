"""A segment whose size changed too much from one as_of to the next."""

from __future__ import annotations

from collections.abc import Iterator

from runtime.alerts.evidence import Evidence, IncidentKind
from runtime.alerts.model import WARNING, AlertFinding

RELATION = "observability.segment_sizes"
_SQL = f"""
with times as (
    select distinct as_of from lake.{RELATION} order by as_of desc limit 2
)
select segment,
    max_by(people, as_of) as people,
    min_by(people, as_of) as before,
    max(as_of) as as_of
from lake.{RELATION}
where as_of in (select as_of from times)
group by segment
having count(*) = 2
order by segment
"""


def _find(evidence: Evidence) -> Iterator[AlertFinding]:
    limits = evidence.limits
    for row in evidence.rows(RELATION, _SQL):
        people = row["people"]
        before = row["before"]
        change = abs(people - before)
        if max(people, before) < limits.size_people or change <= before * limits.size_change:
            continue
        share = f"{change / before:.0%}" if before else "from none"
        yield AlertFinding(
            row["segment"],
            WARNING,
            f"the segment '{row['segment']}' went from {before:,} to {people:,} people ({share}, at"
            f" most {limits.size_change:.0%} may) by {row['as_of']:%Y-%m-%d %H:%M} UTC",
            f"see `segmentry segments show {row['segment']}`, and whether a source, the clock or"
            " the rule changed; the limits are `size_change` and `size_people` in"
            " config/alerts.yml",
        )


KIND = IncidentKind("segment size jump", _find)
