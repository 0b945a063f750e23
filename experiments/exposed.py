"""People that were assigned to a variant, and since when: kept in the lake, never drawn again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import duckdb

from segmentry import restrictions, warehouse
from segmentry.sync_config import SyncConfig

RELATION = "measurement.sync_assignments"
COLUMNS = (
    "sync varchar, destination varchar, draw varchar, profile_id varchar, variant varchar,"
    " assigned_at timestamp"
)
SENT = "sent"
HELD_OUT = "held_out"
# The hold-out is drawn after consent and before duplicates and exclusive groups are decided, so
# people with one of these verdicts differ from the held-out people by the draw alone.
_SENT_VERDICTS = ("eligible", "duplicate", "other_sync")


def draw_of(sync: SyncConfig) -> str:
    """Name of the draw of a hold-out: another salt or share is another experiment."""
    if sync.hold_out is None:
        return ""
    return f"{sync.hold_out.salt}:{sync.hold_out.share:g}"


def record(
    lake: duckdb.DuckDBPyConnection, syncs: Mapping[str, SyncConfig], as_of: datetime
) -> int:
    """Add the people whose assignment is not recorded yet; returns how many were added.

    The first assignment of a draw is kept for good: a person who opts out later, or is never
    delivered to, stays in the variant (intention to treat).
    """
    lake.execute(f"create table if not exists lake.{RELATION} ({COLUMNS})")
    if not warehouse.relation_exists(lake, "audiences.candidates"):
        return 0
    added = 0
    for sync in syncs.values():
        if sync.hold_out is not None and sync.is_enabled:
            added += _record(lake, sync, as_of)
    return added


def _record(lake: duckdb.DuckDBPyConnection, sync: SyncConfig, as_of: datetime) -> int:
    verdicts = ", ".join(f"'{verdict}'" for verdict in _SENT_VERDICTS)
    parameters = {"sync": sync.name, "draw": draw_of(sync)}
    news = f"""
        select profile_id, min(if(verdict = 'held_out', '{HELD_OUT}', '{SENT}')) as variant
        from lake.audiences.candidates
        where sync = $sync and verdict in ('held_out', {verdicts})
            and profile_id not in (
                select profile_id from lake.{RELATION} where sync = $sync and draw = $draw
            )
        group by profile_id"""
    row = lake.execute(f"select count(*) from ({news})", parameters).fetchone()
    if not row or not row[0]:
        return 0
    lake.execute(
        f"insert into lake.{RELATION}"
        " select $sync, $destination, $draw, profile_id, variant, $as_of"
        f" from ({news}) order by profile_id",
        {**parameters, "destination": sync.destination, "as_of": as_of},
    )
    return int(row[0])


def current_profiles_sql(lake: duckdb.DuckDBPyConnection) -> str:
    """Query of (former_id, profile_id): where a profile that was merged away leads to now."""
    if not warehouse.relation_exists(lake, "identity.profile_resolution"):
        return "select null::varchar as former_id, null::varchar as profile_id limit 0"
    return (
        "select profile_id as former_id, min(current_profile_id) as profile_id"
        " from lake.identity.profile_resolution group by profile_id"
    )


def people_sql(lake: duckdb.DuckDBPyConnection, assignments: str) -> str:
    """Query of (profile_id, variant, exposed_at, variants), one row per person.

    assignments: a query of (profile_id, variant, exposed_at). A profile that was merged counts as
    the one it is now. variants above 1: the person was in both, and belongs to neither. People who
    refused profiling, or whose data are under a restriction, are left out.
    """
    return f"""
        select coalesce(merged.profile_id, assigned.profile_id) as profile_id,
            min(assigned.variant) as variant,
            min(assigned.exposed_at) as exposed_at,
            count(distinct assigned.variant) as variants
        from ({assignments}) as assigned
        left join ({current_profiles_sql(lake)}) as merged
            on assigned.profile_id = merged.former_id
        where coalesce(merged.profile_id, assigned.profile_id) not in (
            {restrictions.refused_sql(lake, restrictions.PROFILING)}
        )
        group by coalesce(merged.profile_id, assigned.profile_id)"""
