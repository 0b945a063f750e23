"""Why a sync sends to a person or does not: the decision, the person's consent now, and the rows at
the destination.

``segmentry sync explain`` calls it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import duckdb
import sqlalchemy as sa

from activation.ledger import runs
from activation.ledger import tables as t
from activation.ledger.database import Ledger
from activation.model import Operation, Row
from activation.opened import SyncPlace, open_sync
from identity import people
from segmentry import row_profile, sync_files, tables, warehouse
from segmentry.settings import Settings
from segmentry.sync_config import SyncConfig

# What each verdict of audiences.candidates means to a person.
MEANINGS: dict[str, str] = {
    "eligible": "she or he is in the audience",
    "no_key": "the profile has no value for the sync's key",
    "no_address": "the profile has no address for the sync's channel",
    "suppressed": "the address or the person is suppressed",
    "refused": "the person opted out",
    "unknown_consent": "no consent is known, and this sync needs one",
    "held_out": "the person is in the sync's hold-out",
    "duplicate": "another profile with the same address is sent instead",
    "other_sync": "another sync of the same exclusive group has the person",
}
_LAST_CHANGES = 5


def person(settings: Settings, name: str, who: str) -> dict[str, Any]:
    """Why ``who`` is or is not sent by the sync of that name.

    who: a profile_id or ``type:value``. Facts by name, with the rows ``segments`` (of the sync, and
    whether the person is in each) and ``changes`` (what was done with the person's rows, newest
    first). UsageError for a sync or person that is not known, NotReadyError before there is an
    audience.
    """
    sync = sync_files.one(settings, name)
    with open_sync(settings, name) as opened:
        lake = opened.lake
        profile = people.profile_named(lake, who)
        warehouse.require(lake, "audiences.candidates", made_by="audiences")
        verdict = _verdict(lake, sync, profile)
        segments = _segments(lake, sync, profile)
        leaving = _may_leave(opened.at(sync), profile) if verdict == "eligible" else ""
        facts = _ledger_facts(opened.ledger, sync, profile)
    return {
        "answer": _answer(sync, verdict, leaving, facts),
        "sync": sync.name,
        "profile_id": profile,
        "verdict": verdict or "not a candidate",
        "consent_now": (
            leaving or ("may leave" if verdict == "eligible" else "not asked: not in the audience")
        ),
        **facts,
        "segments": segments,
    }


def _verdict(lake: duckdb.DuckDBPyConnection, sync: SyncConfig, profile: str) -> str | None:
    sql = "select verdict from lake.audiences.candidates where sync = ? and profile_id = ?"
    found = lake.execute(sql, [sync.name, profile]).fetchone()
    return str(found[0]) if found else None


def _segments(
    lake: duckdb.DuckDBPyConnection, sync: SyncConfig, profile: str
) -> list[dict[str, Any]]:
    """The sync's segments with whether the person is in them; for a sync of all, those the person
    is in.
    """
    sql = (
        "select segment, entered_at from lake.segments.segment_memberships where profile_id = ?"
        " order by segment"
    )
    inside: dict[str, datetime] = dict(lake.execute(sql, [profile]).fetchall())
    names = inside if sync.segments is None else sync.segments
    return [{"segment": name, "is_in": name in inside, "since": inside.get(name)} for name in names]


def _may_leave(place: SyncPlace, profile: str) -> str:
    """Why the person's rows may not leave by what is known now; '' where they may."""
    sync = place.sync
    lake = place.opened.lake
    warehouse.require(lake, f"audiences.aud_{sync.name}", made_by="audiences")
    gate = place.gate()
    gate.refresh()
    audience = f"lake.audiences.aud_{sync.name}"
    profile_id = row_profile.sql(tables.column_names(lake, audience))
    found = warehouse.records(lake, f"select * from {audience} where {profile_id} = ?", [profile])
    rows = [Row(Operation.add, values["row_key"], profile, "", "", "", values) for values in found]
    return (
        next((reason for reason in gate.refusals(rows) if reason), "")
        if sync.mode != "delete"
        else ""
    )


def _ledger_facts(ledger: Ledger, sync: SyncConfig, profile: str) -> dict[str, Any]:
    """What the ledger has of the person's rows, and the guardrails that stop the sync."""
    with ledger.begin() as connection:
        # A row without a hash was sent, and it is not known whether it arrived.
        there = connection.execute(
            sa.select(
                sa.func.count(),
                sa.func.count() - sa.func.count(t.destination_rows.c.payload_hash),
                sa.func.max(t.destination_rows.c.acknowledged_at),
            ).where(_of(t.destination_rows, sync, profile))
        ).one()
        waiting = connection.execute(
            sa.select(t.dead_letters.c.reason).where(_of(t.dead_letters, sync, profile)).distinct()
        ).scalars()
        reasons = "; ".join(sorted(waiting))
        changes = connection.execute(
            sa.select(
                t.changes.c.sent_at, t.changes.c.operation, t.changes.c.status, t.changes.c.reason
            )
            .where(_of(t.changes, sync, profile))
            .order_by(t.changes.c.change_id.desc())
            .limit(_LAST_CHANGES)
        ).all()
    stops = [
        review["guardrail"] for review in runs.open_reviews(ledger) if review["sync"] == sync.name
    ]
    return {
        "rows_acknowledged": int(there[0]),
        "rows_unconfirmed": int(there[1]),
        "acknowledged_at": there[2],
        "refused_by_destination": reasons,
        "guardrails": ", ".join(stops),
        "changes": [dict(change._mapping) for change in changes],
    }


def _of(table: sa.Table, sync: SyncConfig, profile: str) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.sync == sync.name, table.c.profile_id == profile)


def _answer(sync: SyncConfig, verdict: str | None, leaving: str, facts: dict[str, Any]) -> str:
    """One sentence for a person who asks why."""
    is_there = facts["rows_acknowledged"] > 0
    if verdict is None:
        reason = "no segment of this sync names the person"
    elif verdict != "eligible":
        reason = MEANINGS.get(verdict, verdict)
    elif leaving:
        reason = (
            f"the person is in the audience, and consent blocks the row as it leaves: {leaving}"
        )
    elif facts["rows_unconfirmed"]:
        return (
            "unconfirmed: it was sent, and it is not known whether it arrived; the next sync"
            " finds out"
        )
    elif is_there:
        return "sent: the destination has the person"
    elif not sync.is_enabled:
        reason = "the person is in the audience, and the sync is disabled"
    elif facts["refused_by_destination"]:
        reason = f"the destination refused the person: {facts['refused_by_destination']}"
    elif facts["guardrails"]:
        reason = (
            f"the person is in the audience, and guardrails stop the sync: {facts['guardrails']}"
        )
    else:
        return "to be sent: the person is in the audience; the next sync sends"
    if is_there:
        return (
            f"to be removed: {reason}; the destination still has the person, the next sync removes"
        )
    return f"not sent: {reason}"
