"""Entries and exits that the live engine found: the audience of a sync with ``schedule: live``.

They are rows of ``work.news``, with the columns of the audience in the lake, and are planned and
sent as any audience is. Without them, as in a job, there is nothing to send.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from activation import work
from activation.audience_sql import news_sql
from segmentry.errors import NotReadyError
from segmentry.sync_config import SyncConfig


@dataclass(frozen=True)
class Moment:
    """An entry or an exit. transition: entered or left. occurred_at: naive UTC."""

    profile_id: str
    segment: str
    transition: str
    occurred_at: datetime

    @property
    def row_key(self) -> str:
        """Its name in plans and the ledger: the same however often it is tried."""
        at = self.occurred_at.isoformat(sep=" ")
        return f"{self.profile_id}:{self.segment}:{self.transition}:{at}"


def put(
    lake: duckdb.DuckDBPyConnection, sync: SyncConfig, snapshot: int, moments: Sequence[Moment]
) -> None:
    """Fill ``work.news`` with those moments whose profiles may be sent, as of the batch of the
    snapshot; NotReadyError where no batch has judged the profiles for the sync.
    """
    import pyarrow as pa

    work.attach(lake)
    texts = {
        "row_key": [one.row_key for one in moments],
        "profile_id": [one.profile_id for one in moments],
        "segment": [one.segment for one in moments],
        "transition": [one.transition for one in moments],
    }
    columns = {name: pa.array(values, pa.string()) for name, values in texts.items()}
    columns["occurred_at"] = pa.array([one.occurred_at for one in moments], pa.timestamp("us"))
    work.put(lake, "moments", pa.table(columns))
    version = f" at (version => {snapshot})"
    try:
        lake.execute(f"create or replace table work.news as {news_sql(sync, version)}")
    except (duckdb.BinderException, duckdb.CatalogException):
        raise NotReadyError(
            f"no batch has what {sync.path} sends",
            allowed="columns and people of the newest batch",
            remedy="run `segmentry run --select audiences+`",
        ) from None


def ensure(lake: duckdb.DuckDBPyConnection, sync: SyncConfig, snapshot: int) -> None:
    """Have ``work.news``, empty where nothing was put there."""
    work.attach(lake)
    found = lake.execute(
        "select 1 from duckdb_tables() where database_name = 'work' and table_name = 'news'"
    ).fetchone()
    if found is None:
        put(lake, sync, snapshot, [])
