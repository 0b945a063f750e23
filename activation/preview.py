"""What a sync would do: the first rows as they would leave, and how many rows are added, changed
and removed for which reason. Nothing is sent. ``segmentry sync preview``, ``diff`` and
``show`` call it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import sqlalchemy as sa

from activation import explain, masking, moving, withdrawals, work
from activation import plan as plans
from activation.destination import of as destination_of
from activation.ledger import changelog, deployed, runs
from activation.ledger import tables as t
from activation.model import Row
from activation.opened import OpenSync, SyncPlace, open_sync
from activation.plan import SyncPlan
from segmentry import sync_files, warehouse
from segmentry.settings import Settings
from segmentry.sync_config import SyncConfig

_LAST_RUNS = 5
_SAMPLES = 3
Shown = list[dict[str, Any]]


def preview(settings: Settings, name: str, limit: int, *, has_identifiers: bool = False) -> Shown:
    """The first rows as they would leave, withdrawals first; those of the audience, as
    ``unchanged``, where nothing would leave. A destination that takes files gets every row.
    """
    sync = sync_files.one(settings, name)
    with open_sync(settings, name) as opened:
        place, made = _planned(opened, sync)
        lake = opened.lake
        found = _first(_leaving(lake, place, made), limit)
        if not found:
            found = [("unchanged", r) for _, r in _first(_wanted(lake, made), limit)]
    return [
        {
            "operation": operation,
            **_values(sync, row, has_identifiers=has_identifiers),
        }
        for operation, row in found
    ]


def _leaving(
    lake: duckdb.DuckDBPyConnection, place: SyncPlace, made: SyncPlan
) -> Iterator[tuple[str, Row]]:
    for chunk in withdrawals.rows(lake):
        yield from (("withdraw", row) for row in chunk)
    if place.destination.is_snapshot:
        yield from _wanted(lake, made) if not made.is_empty else ()
        return
    for planned in plans.rows(lake, made):
        yield from ((str(row.operation), row) for row in planned)


def _wanted(lake: duckdb.DuckDBPyConnection, made: SyncPlan) -> Iterator[tuple[str, Row]]:
    for chunk in plans.wanted_rows(lake, made):
        yield from (("write", row) for row in chunk)


def _first(rows: Iterator[tuple[str, Row]], limit: int) -> list[tuple[str, Row]]:
    return [found for _, found in zip(range(limit), rows, strict=False)]


def _values(sync: SyncConfig, row: Row, *, has_identifiers: bool) -> dict[str, Any]:
    """The row's columns; of a removal the key alone."""
    values = {column.name: row.values.get(column.name) for column in sync.columns}
    values[sync.key] = row.values.get(sync.key, row.identity)
    return values if has_identifiers else masking.row(sync, values)


def _planned(opened: OpenSync, sync: SyncConfig) -> tuple[SyncPlace, SyncPlan]:
    """The plan, with its rows in ``work``, also where nothing has changed since the last run."""
    destination_of(sync)
    place = opened.at(sync)
    if moving.announced(opened, sync) is not None:
        return place, moving.planned(opened, place)
    state = {**runs.state(opened.ledger, sync.name), "fingerprint": None}
    return place, plans.make(opened.lake, opened.ledger, sync, place.gate(), state)


# The reason of each row of the plan. The verdict is that of the audience's candidates.
_REASONS = """
    with verdicts as ({verdicts}),
    planned as (
        select p.operation, p.row_key, p.profile_id, p.identity,
            case
                when p.ledger_key in (select ledger_key from work.plan where operation = 'remove')
                    and p.ledger_key in (select ledger_key from work.plan where operation = 'add')
                    then 'other identifiers than were sent'
                when p.operation = 'remove' then coalesce(v.verdict, 'no_segment')
                when $is_moving then 'another place'
                when p.operation = 'add' and p.row_key in (select value from work.returning)
                    then 'returns'
                when p.operation = 'add' then 'new'
                when $is_resync then 'another mapping'
                when h.payload_hash is null then 'unconfirmed'
                else 'other values'
            end as reason
        from work.plan as p
        left join verdicts as v on p.profile_id = v.profile_id
        left join work.existing as h on p.ledger_key = h.ledger_key
    ),
    withdrawn as (
        select 'withdraw' as operation, w.row_key, w.profile_id, w.identity,
            case when v.verdict in ('refused', 'suppressed', 'unknown_consent') then v.verdict
                else 'refused since' end as reason
        from work.withdrawn as w
        left join verdicts as v on w.profile_id = v.profile_id
    ),
    kept_out as (
        select 'none' as operation, v.profile_id as row_key, v.profile_id, '' as identity,
            v.verdict as reason
        from verdicts as v
        where v.verdict <> 'eligible'
            and v.profile_id not in (select profile_id from work.existing)
    ),
    everything as (
        select * from planned union all select * from withdrawn union all select * from kept_out
    )
    select operation, reason, count(*) as number,
        list(distinct profile_id order by profile_id)[1:{samples}] as profiles,
        list(distinct identity order by identity)[1:{samples}] as keys
    from everything
    group by operation, reason
    order by operation = 'none', operation, number desc, reason
"""
_MEANINGS = {
    **explain.MEANINGS,
    "eligible": "the person is in the audience under another row",
    "no_segment": "no segment of the sync names the person any more",
    "refused since": "the person opted out, is suppressed or was erased since it was sent",
    "new": "the person was never sent",
    "returns": "the person was removed before, and is in the audience again",
    "other values": "a column has another value than was sent",
    "another mapping": "the sync's file maps other columns or options than were sent",
    "another place": "the sync names another place than its rows are at",
    "unconfirmed": "it is not known whether the last request arrived",
    "other identifiers than were sent": "what was sent is removed, then the row is added",
}


def diff(settings: Settings, name: str, *, has_identifiers: bool = False) -> Shown:
    """How many rows would be added, updated, removed and withdrawn, and how many people are left
    out (operation ``none``), by reason, with the profiles of some of each.
    """
    sync = sync_files.one(settings, name)
    with open_sync(settings, name) as opened:
        _, made = _planned(opened, sync)
        lake = opened.lake
        work.put_values(lake, "returning", changelog.once_removed(opened.ledger, name))
        sql = _REASONS.format(verdicts=_verdicts(lake, sync), samples=_SAMPLES)
        words = {"is_moving": bool(made.left_behind), "is_resync": made.is_resync}
        found = lake.execute(sql, words).fetchall()
    return [
        {
            "change": operation,
            "reason": _MEANINGS.get(reason, reason),
            "rows": number,
            "profiles": ", ".join(profiles),
            **({"keys": ", ".join(key for key in keys if key)} if has_identifiers else {}),
        }
        for operation, reason, number, profiles, keys in found
    ]


def _verdicts(lake: duckdb.DuckDBPyConnection, sync: SyncConfig) -> str:
    """A query of the candidates' verdicts; of none where no audience was ever built."""
    if not warehouse.relation_exists(lake, "audiences.candidates"):
        return "select '' as profile_id, '' as verdict where false"
    name = sync.name.replace("'", "''")
    return (
        "select profile_id, min(verdict) as verdict from lake.audiences.candidates"
        f" where sync = '{name}' group by profile_id"
    )


def show(settings: Settings, name: str) -> dict[str, Any]:
    """A sync's facts by name, with the rows ``columns`` (its mapping) and ``runs`` (the last ones,
    newest first). An account is shown as a hash, a setting by where its value comes from.
    """
    sync = sync_files.one(settings, name)
    with open_sync(settings, name) as opened:
        destination = destination_of(sync)
        place = opened.at(sync)
        known = deployed.of(opened.ledger, name)
        move = moving.announced(opened, sync)
        state = runs.state(opened.ledger, name)
        facts = {
            "sync": name,
            "description": sync.description,
            "owner": sync.owner,
            "destination": sync.destination,
            "is_enabled": sync.is_enabled,
            "schedule": sync.schedule,
            "segments": "all" if sync.segments is None else ", ".join(sync.segments),
            "grain": sync.grain,
            "mode": sync.mode,
            "purpose": f"{sync.purpose} by {sync.channel}",
            "key": sync.key,
            "options": ", ".join(f"{k}={v}" for k, v in sync.options.items()),
            "connection": ", ".join(f"{k} from {v}" for k, v in sync.connection.items()),
            "missing": ", ".join(place.missing),
            "signs_in_by": destination.sign_in.chosen(sync.connection).name
            if destination.sign_in
            else "a key"
            if sync.connection
            else "nothing",
            "place": "" if known is None or known.place is None else _parts(known.place.parts),
            "account": "" if known is None or known.place is None else _parts(known.place.account),
            "moves": "" if move is None else move.note,
            "is_mapping_sent": state["config_hash"] == sync.config_hash,
            **_numbers(opened, name),
            "at_its_end": _end(destination.is_snapshot),
        }
        last = _runs(opened, name)
    columns = [
        {
            "column": column.name,
            "from": f"{column.source}: {column.value}",
            "type": column.type,
            "when_null": column.when_null,
        }
        for column in sync.columns
    ]
    return {**facts, "columns": columns, "runs": last}


def _parts(parts: Any) -> str:
    return ", ".join(f"{name}={value}" for name, value in parts.items())


def _end(is_snapshot: bool) -> str:
    if is_snapshot:
        return "`sync retire` writes the file without a row; earlier files stay"
    return "`sync retire` removes the rows; the list and the profiles stay at the tool"


def _numbers(opened: OpenSync, name: str) -> dict[str, int]:
    rows = t.destination_rows.c
    with opened.ledger.begin() as c:
        there = c.execute(
            sa.select(sa.func.count(), sa.func.count(rows.payload_hash)).where(rows.sync == name)
        ).one()
        dead = c.execute(
            sa.select(sa.func.count()).select_from(t.dead_letters)
            .where(t.dead_letters.c.sync == name)
        ).scalar_one()  # fmt: skip
    total = int(there[0])
    return {
        "rows_at_destination": total,
        "rows_unconfirmed": total - int(there[1]),
        "rows_refused": int(dead),
    }


def _runs(opened: OpenSync, name: str) -> Shown:
    table = t.sync_runs
    chosen = sa.select(table).where(table.c.sync == name).order_by(table.c.started_at.desc())
    with opened.ledger.begin() as c:
        found = c.execute(chosen.limit(_LAST_RUNS)).mappings().all()
    kept = ("started_at", "status", "sent_add", "sent_update", "sent_remove", "requests", "note")
    return [{key: row[key] for key in kept} for row in found]
