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
class NewsRow:
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
    lake: duckdb.DuckDBPyConnection, sync: SyncConfig, snapshot: int, news_rows: Sequence[NewsRow]
) -> None:
    """Fill ``work.news`` with those news_rows whose profiles may be sent, as of the batch of the
    snapshot; NotReadyError where no batch has judged the profiles for the sync.
    """
    import pyarrow as pa

    work.attach(lake)
    texts = {
        "row_key": [one.row_key for one in news_rows],
        "profile_id": [one.profile_id for one in news_rows],
        "segment": [one.segment for one in news_rows],
        "transition": [one.transition for one in news_rows],
    }
    columns = {name: pa.array(values, pa.string()) for name, values in texts.items()}
    columns["occurred_at"] = pa.array([one.occurred_at for one in news_rows], pa.timestamp("us"))
    work.put(lake, "news_rows", pa.table(columns))
    version = f" at (version => {snapshot})"
    try:
        judged = lake.execute(
            f"select 1 from lake.audiences.candidates{version} where sync = ? limit 1", [sync.name]
        ).fetchone()
        if judged is None:
            raise duckdb.CatalogException("no profile is judged for the sync")
        lake.execute(f"create or replace table work.news as {news_sql(sync, version)}")
    except (duckdb.BinderException, duckdb.CatalogException):
        raise NotReadyError(
            f"no batch has what {sync.path} sends",
            allowed="columns and people of the newest batch",
            remedy="run `segmentry run --select audiences+`",
        ) from None


def ensure(lake: duckdb.DuckDBPyConnection, sync: SyncConfig, snapshot: int) -> None:
    """Have ``work.news`` for a live sync, empty where nothing was put there."""
    if not sync.is_live:
        return
    work.attach(lake)
    found = lake.execute(
        "select 1 from duckdb_tables() where database_name = 'work' and table_name = 'news'"
    ).fetchone()
    if found is None:
        put(lake, sync, snapshot, [])
