"""What each audience in the lake was built from, and how the sync's present file differs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import duckdb

from segmentry import warehouse
from segmentry.sync_config import SyncConfig

RELATION = "activation.audience_definitions"
COLUMNS = "sync varchar, definition varchar, content varchar"
# What else of a file decides which rows and columns its audience has. The rest is for the way out
# alone.
_PARTS = (
    "audience", "purpose", "channel", "address", "key", "columns", "mode", "hold_out",
    "exclusive_group", "priority",
)  # fmt: skip


def of(sync: SyncConfig) -> str:
    """A number that changes whenever the audience that the file describes does."""
    return sync.hash_of(_PARTS)[:16]


def record(lake: duckdb.DuckDBPyConnection, syncs: Iterable[SyncConfig]) -> None:
    """Write down what the audiences were built from; nothing is written where that is known
    already.
    """
    rows = sorted((sync.name, of(sync), sync.as_json()) for sync in syncs)
    lake.execute(f"create table if not exists lake.{RELATION} ({COLUMNS})")
    if lake.execute(f"select * from lake.{RELATION} order by all").fetchall() == rows:
        return
    lake.execute("begin")
    lake.execute(f"delete from lake.{RELATION}")
    if rows:
        lake.executemany(
            f"insert into lake.{RELATION} values (?, ?, ?)", [list(row) for row in rows]
        )
    lake.execute("commit")


def differences(
    lake: duckdb.DuckDBPyConnection, sync: SyncConfig, snapshot: int | None = None
) -> list[str]:
    """The keys of the file that differ from what the audience was built from.

    snapshot: that of the audience; None for the newest. An audience of a version that did not
    record it has none.
    """
    if not warehouse.relation_exists(lake, RELATION):
        return []
    version = f" at (version => {snapshot})" if snapshot is not None else ""
    try:
        row = lake.execute(
            f"select definition, content from lake.{RELATION}{version} where sync = ?", [sync.name]
        ).fetchone()
    except duckdb.Error:  # the snapshot is older than the relation
        return []
    if row is None or row[0] == of(sync):
        return []
    return sync.differing(row[1], _PARTS)


def warning(sync: SyncConfig, differing: Sequence[str]) -> list[str]:
    """A note for an operator; none where the file and the audience agree."""
    if not differing:
        return []
    return [
        f"the file has changed since its audience was built ({', '.join(differing)}): what is sent"
        " is the audience as it was built; run `segmentry run --select audiences+`"
    ]


def resync_note(sync: SyncConfig, wanted: int, existing: int) -> str:
    """What a change of the mapping leads to."""
    if sync.mode in ("insert", "append"):
        return (
            f"the mapping has changed: new rows have the new one, and the mode '{sync.mode}'"
            f" sends no row again ({existing:,} keep the former one)"
        )
    return f"the mapping has changed: a full resync of {wanted:,} row(s)"
