"""Brings consent up to date if the job stopped before its marts: a person who opts out is removed,
whatever else fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from segmentry import dbt, freshness, identifiers, warehouse
from segmentry.settings import Settings
from segmentry.stages import RunContext, StageReport

# In the order of their references. They read staging and the last good identity, and nothing of any
# other layer.
MODELS = (
    "consent_answers", "quarantined_refusals", "consent_decisions", "consent_matches", "consents",
    "identifier_homes",
    "consent_reach", "waiting_reach", "restricted_profiles", "consent_standings",
    "profile_standings", "address_standings",
)  # fmt: skip
# Suppressions and the contacts they match. It belongs to the audiences, and reads none of them.
SUPPRESSED = "suppressed_contacts"
# What these read; without them there is no profile that anything could have been sent for.
NEEDED = (
    "observability.clock", "staging.base_consents", "staging.stg_events__events",
    "identity.identifier_mapping",
    "identity.id_mapping_scd", "identity.profile_resolution", "identity.traits",
    "identity.refused_links", "identity.policy_links",
)  # fmt: skip


def refresh(context: RunContext) -> StageReport:
    """Build the relations of consent from what staging has accepted, with the mapping of the last
    good run.

    Call it when a gate or a stage has failed; the syncs that follow remove the people who opted out
    since. It changes nothing else, and a second call has the same result.
    """
    settings = context.settings
    warehouse.prepare(settings)
    with warehouse.connect(settings, read_only=True) as lake:
        missing = [name for name in NEEDED if not warehouse.relation_exists(lake, name)]
        has_suppressed = warehouse.relation_exists(lake, f"audiences.{SUPPRESSED}")
    if missing:
        return StageReport(
            notes=[f"nothing can have been sent yet: {missing[0]} is not there"], status="unchanged"
        )
    models = () if freshness.is_current(settings, "marts") else MODELS
    if has_suppressed and not freshness.is_current(settings, "audiences"):
        models = (*models, SUPPRESSED)
    if not models:
        return StageReport(notes=[_freshness_note(settings)], status="unchanged")
    is_intact = freshness.is_intact(settings, "marts")
    report = dbt.build(settings, " ".join(models), tests=False)
    if is_intact and len(models) > 1:
        freshness.keep(settings, "marts")
    return StageReport(report.rows, [_freshness_note(settings)])


def _freshness_note(settings: Settings) -> str:
    with warehouse.connect(settings, read_only=True) as lake:
        row = lake.execute(
            "select count(*) filter (where status <> 'granted'), count(*) filter (where status <>"
            " 'granted' and match = 'none') from lake.marts.consents"
        ).fetchone()
    refusals, unmatched = row or (0, 0)
    return f"{refusals:,} refusal(s) count for the syncs, {unmatched:,} of them match nobody"


def matches(settings: Settings, consent_ids: Sequence[str]) -> str:
    """How recorded decisions match known identifiers: exact, possible, none; or `not placed
    yet`.
    """
    with warehouse.connect(settings, read_only=True) as lake:
        if not warehouse.relation_exists(lake, "marts.consents"):
            return "not placed yet"
        found = lake.execute(
            "select distinct match from lake.marts.consents where list_contains(?, decision_id)"
            " order by match",
            [[f"consents:{one}" for one in consent_ids]],
        ).fetchall()
    return ", ".join(match for (match,) in found) or "not placed yet"


def unmatched(settings: Settings) -> list[dict[str, Any]]:
    """Refusals that match no known identifier exactly, counted by source, type and reason;
    identifiers are masked.

    match: `possible` where they count for all known identifiers that they may mean, `none` if there
    is none.
    """
    with warehouse.connect(settings, read_only=True) as lake:
        warehouse.require(lake, "marts.consents", made_by="marts")
        rows = lake.execute(
            "select source, identifier_type, match, identifier, jurisdiction, decided_at from"
            " lake.marts.consents where status <> 'granted' and match <> 'exact' order by"
            " decided_at, decision_id"
        ).fetchall()
    counted: dict[tuple[str, ...], dict[str, Any]] = {}
    for source, kind, match, value, jurisdiction, at in rows:
        reason = identifiers.fault(kind, value, jurisdiction) or "not_known"
        row = counted.setdefault(
            (source, kind, match, reason),
            {
                "source": source,
                "identifier_type": kind,
                "match": match,
                "reason": reason,
                "refusals": 0,
            },
        )
        row["refusals"] += 1
        row["latest_at"] = at
        row["such_as"] = _masked(value)
    return sorted(
        counted.values(), key=lambda row: (-row["refusals"], row["source"], row["reason"])
    )


def _masked(value: str) -> str:
    """Enough to find the record by its shape, and nobody by it: the first character and the
    length.
    """
    return f"{value[:1]}... ({len(value)} characters)"
