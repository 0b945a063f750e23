"""Relations of the schema ``activation`` in the lake, and how the ledger is published to them."""

from __future__ import annotations

import duckdb

from activation.ledger import export
from activation.ledger.database import Ledger
from activation.ledger.tables import RENAMED
from segmentry import restrictions, row_profile, tables, waiting, warehouse

COLUMNS: dict[str, str] = {
    "sync_runs": (
        "run_id varchar, sync varchar, status varchar, as_of timestamp, lake_snapshot bigint,"
        " planned_add bigint, planned_update bigint, planned_remove bigint,"
        " sent_add bigint, sent_update bigint, sent_remove bigint,"
        " invalid bigint, rejected bigint, retry bigint, blocked bigint,"
        " requests bigint, started_at timestamp, finished_at timestamp, note varchar"
    ),
    "sync_changelog": (
        "change_id bigint, sync varchar, run_id varchar, row_key varchar, operation varchar, status"
        " varchar, reason varchar, request_id varchar, sent_at timestamp, profile_id varchar"
    ),
    "sync_snapshot": (
        "sync varchar, row_key varchar, payload_hash varchar, acknowledged_at timestamp,"
        " profile_id varchar"
    ),
    "dead_letters": (
        "sync varchar, row_key varchar, operation varchar, status varchar, reason varchar, attempts"
        " bigint, first_at timestamp, last_at timestamp, profile_id varchar"
    ),
    "reviews": (
        "sync varchar, run_id varchar, guardrail varchar, detail varchar, release varchar, state"
        " varchar, raised_at timestamp"
    ),
    "hold_outs": "sync varchar, profile_id varchar, held_out_at timestamp, released_at timestamp",
    "suppressions": (
        "identifier_type varchar, identifier varchar, channel varchar, reason varchar,"
        " suppressed_at timestamp"
    ),
    "waiting_refusals": waiting.COLUMNS,
    "restrictions": restrictions.COLUMNS,
}


def ensure(lake: duckdb.DuckDBPyConnection) -> None:
    """Create the relations that do not exist, and bring those of an older lake to the present
    columns.
    """
    for name, columns in COLUMNS.items():
        lake.execute(f"create table if not exists lake.activation.{name} ({columns})")
    for table, former, name in RENAMED:
        if former in tables.column_names(lake, f"lake.activation.{table}"):
            lake.execute(f"alter table lake.activation.{table} rename column {former} to {name}")
    for table in ("sync_snapshot", "sync_changelog", "dead_letters"):
        _add_profiles(lake, f"lake.activation.{table}")


def _add_profiles(lake: duckdb.DuckDBPyConnection, relation: str) -> None:
    columns = tables.column_names(lake, relation)
    if "profile_id" in columns:
        return
    lake.execute("begin")
    lake.execute(f"alter table {relation} add column profile_id varchar")
    lake.execute(f"update {relation} set profile_id = {row_profile.of_key_sql()}")
    lake.execute("commit")


def publish(lake: duckdb.DuckDBPyConnection, ledger: Ledger) -> dict[str, int]:
    """Bring the lake's relations to the content of the ledger; write nothing if they are equal."""
    ensure(lake)
    rows = {}
    for name in ("sync_runs", "sync_snapshot", "dead_letters", "reviews"):
        rows[f"activation.{name}"] = _replace(lake, ledger, name)
    rows["activation.sync_changelog"] = _append_changes(lake, ledger)
    rows["activation.hold_outs"] = _record_hold_outs(lake)
    return rows


def _replace(lake: duckdb.DuckDBPyConnection, ledger: Ledger, name: str) -> int:
    rows = export.read(ledger, name)
    lake.register("ledger_rows", rows)
    try:
        target = f"lake.activation.{name}"
        changed = lake.execute(
            f"select exists(select * from ledger_rows except select * from {target})"
            f" or exists(select * from {target} except select * from ledger_rows)"
        ).fetchone()
        if changed and changed[0]:
            lake.execute("begin")
            lake.execute(f"delete from {target}")
            lake.execute(f"insert into {target} select * from ledger_rows order by all")
            lake.execute("commit")
    finally:
        lake.unregister("ledger_rows")
    return int(rows.num_rows)


def _append_changes(lake: duckdb.DuckDBPyConnection, ledger: Ledger) -> int:
    row = lake.execute(
        "select coalesce(max(change_id), 0) from lake.activation.sync_changelog"
    ).fetchone()
    fresh = export.read(ledger, "sync_changelog", after=int(row[0]) if row else 0)
    if fresh.num_rows:
        lake.register("fresh", fresh)
        lake.execute(
            "insert into lake.activation.sync_changelog select * from fresh order by change_id"
        )
        lake.unregister("fresh")
    return int(fresh.num_rows)


def _record_hold_outs(lake: duckdb.DuckDBPyConnection) -> int:
    if not warehouse.relation_exists(lake, "audiences.candidates"):
        return 0
    now = "(select max(as_of) from lake.observability.clock)"
    target = "lake.activation.hold_outs"
    kept_out = "(select sync, profile_id from lake.audiences.candidates where verdict = 'held_out')"
    open_rows = f"(select sync, profile_id from {target} where released_at is null)"
    news = f"select *, {now}, null from ({kept_out} except {open_rows})"
    ended = f"(select * from {open_rows} except select * from {kept_out})"
    counted = lake.execute(
        f"select (select count(*) from ({news})), (select count(*) from {ended})"
    ).fetchone()
    if counted and any(counted):
        lake.execute("begin")
        lake.execute(
            f"update {target} set released_at = {now} where released_at is null and (sync,"
            f" profile_id) in {ended}"
        )
        lake.execute(f"insert into {target} {news} order by all")
        lake.execute("commit")
    return int(counted[0]) if counted else 0
