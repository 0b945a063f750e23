"""Delays rows that would reach people at a bad hour or too often; removals are never delayed.

``quiet_hours`` of a sync: nothing is added or changed between two times of day. ``frequency_cap``:
at most so many rows of one profile in so many days. The next run plans the delayed rows again.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import duckdb

from activation.ledger import changelog

if TYPE_CHECKING:
    from activation.ledger.database import Ledger
    from segmentry.sync_config import SyncConfig


def drop_waiting_rows(
    lake: duckdb.DuckDBPyConnection, ledger: Ledger, sync: SyncConfig, at: datetime
) -> list[str]:
    """Drop from ``work.plan`` the rows that have to wait; return notes of how many and why.

    at: the present time, naive UTC.
    """
    notes = []
    if is_quiet(sync, at):
        waiting = _drop(lake, "operation <> 'remove'")
        notes += [f"{waiting:,} row(s) wait for the end of the quiet hours"] if waiting else []
    cap = sync.frequency_cap
    if cap is not None:
        waiting = _over_cap(lake, ledger, sync, at - timedelta(days=cap.days), cap.most)
        reason = f"have had {cap.most} in {cap.days} day(s)"
        notes += [f"{waiting:,} row(s) wait: their profiles {reason}"] if waiting else []
    return notes


def is_quiet(sync: SyncConfig, at: datetime) -> bool:
    """Whether the time, naive UTC, is within the sync's quiet hours; they may include midnight."""
    quiet = sync.quiet_hours
    if quiet is None:
        return False
    local = at.replace(tzinfo=UTC).astimezone(ZoneInfo(quiet.timezone)).time()
    if quiet.begin < quiet.end:
        return quiet.begin <= local < quiet.end
    return local >= quiet.begin or local < quiet.end


def _over_cap(
    lake: duckdb.DuckDBPyConnection, ledger: Ledger, sync: SyncConfig, since: datetime, most: int
) -> int:
    # Imported where a cap needs it: commands that only read a plan start without.
    import pyarrow as pa

    counts = changelog.sent_since(ledger, sync.name, since)
    columns = {
        "profile_id": pa.array(list(counts), pa.string()),
        "had": pa.array(list(counts.values()), pa.int64()),
    }
    lake.register("incoming", pa.table(columns))
    lake.execute("create or replace table work.had as select * from incoming")
    lake.unregister("incoming")
    return _drop(
        lake,
        f"""(row_key, ledger_key) in (
            select (row_key, ledger_key) from (
                select
                    p.row_key, p.ledger_key, coalesce(h.had, 0) as had,
                    row_number() over (partition by p.profile_id
                        order by p.row_key, p.ledger_key) as turn
                from work.plan p
                left join work.had h on p.profile_id = h.profile_id
                where p.operation <> 'remove'
            )
            where had + turn > {most}
        ) and operation <> 'remove'""",
    )


def _drop(lake: duckdb.DuckDBPyConnection, condition: str) -> int:
    row = lake.execute(f"delete from work.plan where {condition}").fetchone()
    return int(row[0]) if row else 0
