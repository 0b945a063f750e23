"""Why a link is refused, in words: which identifier is shared, by how many people, and the limit.

`identity.evidence` calls it for `segmentry identity explain`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb

from segmentry import warehouse

_PLAIN = {
    "cut": "an operator has separated the two",
    "rule_off": "the rule is switched off in config/policies.yml",
}
_MET = """
with met as (
    select right_type as other_type, right_identifier as other from identity.identifier_links
    where left_type = $1 and left_identifier = $2
    union
    select left_type, left_identifier from identity.identifier_links
    where right_type = $1 and right_identifier = $2
)
select
    met.other_type,
    count(*) as number,
    sum(count(*)) over () as neighbours,
    own.most_people,
    own.most_links,
    theirs.priority < own.priority or (own.priority = 1 and theirs.is_personal) as is_counted
from met
inner join identity.policy_types as own on own.identifier_type = $1
left join identity.policy_types as theirs on met.other_type = theirs.identifier_type
group by all
order by is_counted desc, number desc, met.other_type
"""


def why(lake: duckdb.DuckDBPyConnection, link: Mapping[str, Any]) -> str:
    """One sentence on a row of identity.refused_links; detail_text is its detail, if it has one."""
    reason = str(link["reason"])
    detail = link["detail_text"]
    if reason in _PLAIN:
        return _PLAIN[reason]
    if reason == "hub":
        return _of_hub(lake, link)
    kind = reason.partition("_")[2]
    if reason.startswith("shared_"):
        return f"the {kind} is {detail or 'shared'}: none of its links joins people"
    if reason.startswith("differs_"):
        return f"they have {detail}"
    return detail or f"together they would have too many of the type {kind}"


def _of_hub(lake: duckdb.DuckDBPyConnection, link: Mapping[str, Any]) -> str:
    for side in ("right", "left"):
        kind = link[f"{side}_type"]
        value = link[f"{side}_identifier"]
        for row in warehouse.records(lake, _MET, [kind, value]):
            for number, limit, of in (
                (row["number"] if row["is_counted"] else 0, row["most_people"], row["other_type"]),
                (row["neighbours"], row["most_links"], "any type"),
            ):
                if limit is not None and number > limit:
                    return f"the {kind} is shared: {number} of {of}, limit {limit}"
    return "one of the two looks made up or is a till's: it is shared and joins nobody"
