"""Guardrails: limits that stop a sync. What was sent last stays, and an operator may release a
guardrail.

They judge additions, updates and ordinary removals. Withdrawals (``activation/withdrawals.py``)
leave before, and no number here counts them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import duckdb

from activation import plan as plans
from activation.consent_policy import ConsentPolicy
from activation.destination import Destination
from activation.ledger import restores
from activation.ledger.database import Ledger, now
from activation.plan import SyncPlan
from segmentry import warehouse
from segmentry.errors import UsageError
from segmentry.sync_config import SyncConfig

DEFAULTS: Mapping[str, Any] = {
    "max_removed_share": (
        0.3
    ),  # a third of an audience seldom leaves in one run; when it does, an operator should look
    "min_rows_for_share": 50,  # of fewer existing rows a share means little
    "max_changed_share": (
        0.5
    ),  # half of what is there does not change in one run, unless the clock or a rule was wrong
    "max_added_rows": None,
    "max_age_hours": None,
    "max_coverage_drop": 0.2,  # a fifth of all people do not lose their consent between two runs
    "max_drifted_share": None,
    "allow_empty": False,
    "allow_members": False,
}


NAMES = (
    "empty",
    "removals",
    "changes",
    "additions",
    "stale",
    "gate",
    "coverage",
    "drift",
    "unmatched",
    "first_run",
    "former_place",
    "same_place",
    "restored",
)
MEMBERS_COUNTED = 1_000  # of an audience that should be empty; the exact number does not matter


@dataclass(frozen=True)
class Stop:
    """A guardrail that stops the sync: its name and what would have happened."""

    guardrail: str
    detail: str


def stops(lake: duckdb.DuckDBPyConnection, plan: SyncPlan, policy: ConsentPolicy) -> list[Stop]:
    """Every guardrail that stops the plan, the released ones too."""
    limits = {**DEFAULTS, **plan.sync.guardrails}
    found = [_empty(plan, limits), _removals(plan, limits)]
    are_removals_judged = any(stop is not None for stop in found)
    found += [
        _changes(plan, limits, are_removals_judged),
        _additions(plan, limits),
        _age(lake, limits),
        _gate(lake),
    ]
    found += [_coverage(plan, limits), _drift(lake, limits), _unmatched(lake, plan, policy)]
    return [stop for stop in found if stop is not None]


def restored(ledger: Ledger) -> Stop | None:
    """The home was restored from a backup, and no operator has released that yet."""
    found = restores.unreleased(ledger)
    if not found:
        return None
    taken = max(taken for taken, _ in found)
    return Stop(
        "restored",
        f"the home was restored from a backup of {taken:%Y-%m-%d %H:%M} UTC: what was sent since,"
        " and who opted out since, is not known here; see `segmentry backup release`",
    )


def released(sync: str, words: Collection[str]) -> set[str]:
    """Guardrails that the operator releases: ``removals`` for whichever sync is run,
    ``vip.removals`` for one.
    """
    for word in words:
        if word.rpartition(".")[2] not in NAMES:
            raise UsageError(
                f"there is no guardrail '{word}'",
                allowed=", ".join(NAMES) + ", alone or as <sync>.<guardrail>",
                remedy="name the guardrail that `segmentry sync status` shows as waiting",
            )
    return {word.rpartition(".")[2] for word in words if word.rpartition(".")[0] in ("", sync)}


def _empty(plan: SyncPlan, limits: Mapping[str, Any]) -> Stop | None:
    if plan.wanted or not plan.existing or not plan.counts["remove"] or limits["allow_empty"]:
        return None
    return Stop("empty", f"the audience is empty and all {plan.existing:,} row(s) would be removed")


def _removals(plan: SyncPlan, limits: Mapping[str, Any]) -> Stop | None:
    removed = plan.counts["remove"] - plan.replaced
    if (
        plan.existing < limits["min_rows_for_share"]
        or removed <= plan.existing * limits["max_removed_share"]
    ):
        return None
    share = f"{removed / plan.existing:.0%}, at most {limits['max_removed_share']:.0%}"
    return Stop("removals", f"{removed:,} of {plan.existing:,} row(s) would be removed ({share})")


def _changes(plan: SyncPlan, limits: Mapping[str, Any], are_removals_judged: bool) -> Stop | None:
    """Additions, updates and removals against what is there.

    What happens once (``append``) and people who are removed from a tool (``delete``) are new by
    nature; of a new mapping, updates are what the operator asked for. Removals that another
    guardrail stops are released with that one. A run that was killed is no reason to stop the next
    one: what is sent again because its answer is missing is no change, and before a first run has
    come to its end there is nothing to compare with.
    """
    is_new_by_nature = plan.sync.mode in ("append", "delete") or plan.is_first_run
    if is_new_by_nature or plan.existing < max(1, limits["min_rows_for_share"]):
        return None
    changed = plan.counts["add"] - plan.replaced
    changed += 0 if plan.is_resync else plan.counts["update"] - plan.again + plan.replaced
    changed += 0 if are_removals_judged else plan.counts["remove"] - plan.replaced
    if changed <= plan.existing * limits["max_changed_share"]:
        return None
    share = f"{changed / plan.existing:.0%} of {plan.existing:,}"
    share += f", at most {limits['max_changed_share']:.0%}"
    return Stop(
        "changes", f"{changed:,} row(s) would be added, updated or removed at once ({share})"
    )


def _additions(plan: SyncPlan, limits: Mapping[str, Any]) -> Stop | None:
    most = limits["max_added_rows"]
    added = plan.counts["add"] - plan.replaced
    if most is None or added <= most:
        return None
    return Stop("additions", f"{added:,} row(s) would be added, at most {most:,}")


def asks_for_members(plan: SyncPlan, destination: Destination) -> bool:
    """Whether the destination is asked for its members before the plan is sent: at the first run of
    a mirror, where the tool can be read.
    """
    reads = type(destination).read_back is not Destination.read_back
    is_first = plan.sync.mode == "mirror" and not plan.existing and plan.is_first_run
    return reads and is_first and not {**DEFAULTS, **plan.sync.guardrails}["allow_members"]


def members(plan: SyncPlan, there: Iterable[str] | None) -> Stop | None:
    """The first run of a mirror into an audience that has members already; there: the members,
    None if unknown.
    """
    if there is None:
        return None
    count = sum(1 for _ in islice(there, MEMBERS_COUNTED))
    if not count:
        return None
    members_there = f"{count:,}{' or more' if count == MEMBERS_COUNTED else ''}"
    detail = (
        f"the first run would add {plan.counts['add']:,} row(s) to an audience that already has"
        f" {members_there}"
    )
    return Stop("first_run", f"{detail}; a mirror does not remove members that it did not add")


def _age(lake: duckdb.DuckDBPyConnection, limits: Mapping[str, Any]) -> Stop | None:
    most = limits["max_age_hours"]
    if most is None:
        return None
    row = lake.execute("select max(as_of) from observability.clock").fetchone()
    age = (now() - row[0]).total_seconds() / 3600 if row and row[0] else float("inf")
    return (
        None if age <= most else Stop("stale", f"the data is {age:,.0f} h old, at most {most:g} h")
    )


def _gate(lake: duckdb.DuckDBPyConnection) -> Stop | None:
    if not warehouse.relation_exists(lake, "observability.gate_results"):
        return None
    row = lake.execute(
        "select passed from observability.gate_results where gate = 'audiences' order by checked_at"
        " desc limit 1"
    ).fetchone()
    if row is None or row[0]:
        return None
    return Stop(
        "gate", "the newest audiences did not pass their gate; the last good ones would be sent"
    )


def coverage(lake: duckdb.DuckDBPyConnection, sync: SyncConfig) -> float | None:
    """Share of the people of the sync's segments whose consent lets them be sent; None if there
    are none.
    """
    if not warehouse.relation_exists(lake, "audiences.candidates"):
        return None
    row = lake.execute(
        "select avg(case when verdict in ('refused', 'unknown_consent', 'suppressed') then 0 else 1"
        " end) from audiences.candidates where sync = ? having count(*) >= ?",
        [sync.name, DEFAULTS["min_rows_for_share"]],
    ).fetchone()
    return float(row[0]) if row and row[0] is not None else None


def _coverage(plan: SyncPlan, limits: Mapping[str, Any]) -> Stop | None:
    now_share = plan.coverage
    before = plan.coverage_before
    if now_share is None or before is None or before - now_share <= limits["max_coverage_drop"]:
        return None
    return Stop(
        "coverage", f"the share of people with consent fell from {before:.0%} to {now_share:.0%}"
    )


def _drift(lake: duckdb.DuckDBPyConnection, limits: Mapping[str, Any]) -> Stop | None:
    most = limits["max_drifted_share"]
    if most is None or not warehouse.relation_exists(lake, "observability.drift"):
        return None
    row = lake.execute(
        "select model, avg(case when verdict in ('alarm', 'gone') then 1 else 0 end) as share"
        " from observability.drift where as_of = (select max(as_of) from observability.clock)"
        " group by model order by share desc, model limit 1"
    ).fetchone()
    if row is None or row[1] <= most:
        return None
    return Stop(
        "drift",
        f"{row[1]:.0%} of the features of the model '{row[0]}' have drifted, at most {most:.0%}",
    )


def _unmatched(
    lake: duckdb.DuckDBPyConnection, plan: SyncPlan, policy: ConsentPolicy
) -> Stop | None:
    """Refusals of the sync's use that match no profile. Until they match, the sync adds no
    profile.

    They are counted by source, of all times and of the newest days, so that one bad file shows
    among millions.
    """
    if plan.sync.mode == "delete" or not warehouse.relation_exists(lake, "marts.consent_matches"):
        return None
    added = plans.additions(lake)
    if not added:
        return None
    least = policy.min_unmatched
    most = policy.max_unmatched_share
    use = [plan.sync.purpose, plan.sync.channel, plan.sync.channel, least, most]
    row = lake.execute(_UNMATCHED, use).fetchone()
    if row is None:
        return None
    source, unmatched, refusals = row
    share = f"{unmatched / refusals:.0%}, at most {most:.0%}"
    return Stop(
        "unmatched",
        f"{unmatched:,} of {refusals:,} refusal(s) of the source '{source}' match nobody ({share}),"
        f" and {added:,} row(s) would be added: see `segmentry consent unmatched`",
    )


# By the record that refuses: one of an unknown type counts for several, and is matched if any of
# them is. A browser that is not known cannot be reached, and nobody misspells its id.
_UNMATCHED = """
    with refusals as (
        select
            source, coalesce(record_id, decision_id) as refusal,
                bool_or(match is distinct from 'none') as is_matched,
            max(decided_at) as decided_at
        from marts.consents
        where status <> 'granted' and identifier_type not in ('cookie', 'device_id')
            and coalesce(purpose, 'any') in (?, 'any') and (coalesce(channel, 'any') in (?, 'any')
                or ? = 'any')
        group by source, refusal
    ),
    counted as (
        select source, count(*) filter (where not is_matched) as unmatched, count(*) as refusals
        from refusals group by source
        union all
        select source, count(*) filter (where not is_matched), count(*)
        from refusals
        where decided_at >= (select max(as_of) from observability.clock) - interval 30 day
        group by source
    )
    select source, unmatched, refusals
    from counted
    where unmatched >= ? and unmatched > refusals * ?
    order by unmatched / refusals desc, unmatched desc, source
    limit 1
"""
