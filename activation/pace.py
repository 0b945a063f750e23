"""Holds back what would reach people at a bad hour or too often. Whoever leaves or refuses is
removed all the same.

``quiet_hours`` of a sync: nothing is added or changed between two times of day. ``frequency_cap``:
at most so many rows of one person in so many days. What is held back waits: the next run plans it
again.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from activation.ledger import changelog

if TYPE_CHECKING:
    from activation.ledger.database import Ledger
    from segmentry.sync_config import SyncConfig


def hold_back(
    lake: duckdb.DuckDBPyConnection, ledger: Ledger, sync: SyncConfig, moment: datetime
) -> list[str]:
    """Drop from ``work.plan`` what has to wait; moment is now, naive UTC. Gives notes of what waits
    and why.
    """
    notes = []
    if is_quiet(sync, moment):
        waiting = _drop(lake, "operation <> 'remove'")
        notes += [f"{waiting:,} row(s) wait for the end of the quiet hours"] if waiting else []
    cap = sync.frequency_cap
    if cap is not None:
        waiting = _over_cap(lake, ledger, sync, moment - timedelta(days=cap.days), cap.most)
        reason = f"have had {cap.most} in {cap.days} day(s)"
        notes += [f"{waiting:,} row(s) wait, as their people {reason}"] if waiting else []
    return notes


def is_quiet(sync: SyncConfig, moment: datetime) -> bool:
    """Whether the sync has quiet hours and the moment, naive UTC, lies in them; they may pass
    midnight.
    """
    quiet = sync.quiet_hours
    if quiet is None:
        return False
    local = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(quiet.timezone)).time()
    if quiet.begin < quiet.end:
        return quiet.begin <= local < quiet.end
    return local >= quiet.begin or local < quiet.end


def _over_cap(
    lake: duckdb.DuckDBPyConnection, ledger: Ledger, sync: SyncConfig, since: datetime, most: int
) -> int:
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
        f"""(row_key, holding) in (
            select (row_key, holding) from (
                select
                    p.row_key, p.holding, coalesce(h.had, 0) as had,
                    row_number() over (partition by p.profile_id
                        order by p.row_key, p.holding) as turn
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
