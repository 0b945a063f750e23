"""Which state of the lake its readers see: what a run builds is theirs when its last gate has
passed, all relations at once.

From the first stage that builds to the gate on audiences the readers are pinned at the snapshot
from before the run. A run that a gate stops leaves them there. ADR 60 has the alternatives.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from segmentry import warehouse
from segmentry.errors import UsageError
from segmentry.settings import Settings

TABLE = "observability.publications"
COLUMNS = "snapshot_id bigint, state varchar, written_at timestamp"
PUBLISHED = "published"
PINNED = "pinned"
# Publications that `go_back` can return to, while their snapshots last.
KEPT = 10


@dataclass(frozen=True)
class Publication:
    """A state that readers see or saw. snapshot_id: of the lake. state: ``published``, or
    ``pinned`` while readers see this one and not the newest. written_at: naive UTC, by the machine.
    """

    snapshot_id: int
    state: str
    written_at: datetime


def publications(lake: duckdb.DuckDBPyConnection) -> list[Publication]:
    """What was published, the newest first, and before it where readers are pinned."""
    if not warehouse.relation_exists(lake, TABLE):
        return []
    rows = lake.execute(
        f"select snapshot_id, state, written_at from lake.{TABLE}"
        f" order by state = '{PINNED}' desc, snapshot_id desc"
    ).fetchall()
    return [Publication(*row) for row in rows]


def pinned_at(lake: duckdb.DuckDBPyConnection) -> int | None:
    """The snapshot that readers are pinned at; None when they see the newest."""
    found = publications(lake)
    return found[0].snapshot_id if found and found[0].state == PINNED else None


@contextmanager
def reading(
    settings: Settings, *, has_functions: bool = True
) -> Iterator[duckdb.DuckDBPyConnection]:
    """The lake as its readers see it: read only, and one state from beginning to end, whatever is
    published meanwhile.
    """
    with warehouse.connect(settings, read_only=True, has_functions=has_functions) as lake:
        lake.execute("begin")
        try:
            snapshot = pinned_at(lake)
            if snapshot is None:
                yield lake
        finally:
            lake.execute("rollback")
    if snapshot is not None:
        with warehouse.connect(settings, snapshot=snapshot, has_functions=has_functions) as lake:
            yield lake


def note(settings: Settings) -> str | None:
    """A line for the operator of a run that has ended and that readers do not see; else None."""
    with warehouse.connect(settings, read_only=True, has_functions=False) as lake:
        pinned = pinned_at(lake)
    if pinned is None:
        return None
    return (
        f"Readers see snapshot {pinned}, from before what was built: no run has passed the gate on"
        " audiences since. `segmentry query --newest` reads what was built; `segmentry run"
        " --no-send` goes on to that gate."
    )


def snapshot_to_read(settings: Settings) -> int:
    """The snapshot that readers see now: the one that they are pinned at, or the newest."""
    with warehouse.connect(settings, read_only=True, has_functions=False) as lake:
        lake.execute("begin")
        try:
            pinned = pinned_at(lake)
            return warehouse.current_snapshot(lake) if pinned is None else pinned
        finally:
            lake.execute("rollback")


def pin(settings: Settings) -> None:
    """Pin readers where they are, until ``publish``. A lake that has published nothing yet has
    nothing to pin them at.
    """
    with warehouse.connect(settings, has_functions=False) as lake:
        found = publications(lake)
        if found and found[0].state != PINNED:
            _add(lake, warehouse.current_snapshot(lake), PINNED)


def publish(settings: Settings) -> None:
    """Let readers see the newest state."""
    with warehouse.connect(settings, has_functions=False) as lake:
        lake.execute(f"create table if not exists lake.{TABLE} ({COLUMNS})")
        lake.execute("begin")
        lake.execute(f"delete from lake.{TABLE} where state = '{PINNED}'")
        lake.execute(
            f"delete from lake.{TABLE} where snapshot_id not in (select snapshot_id from"
            f" lake.{TABLE} order by snapshot_id desc limit {KEPT - 1})"
        )
        _add(lake, warehouse.current_snapshot(lake), PUBLISHED)
        lake.execute("commit")


def go_back(settings: Settings) -> Publication:
    """Pin readers at the publication before the one that they see; the next run that passes its
    gates publishes again. UsageError where there is none before it, or its snapshot has expired.
    """
    with warehouse.writing(settings), warehouse.connect(settings, has_functions=False) as lake:
        found = publications(lake)
        pinned = [one for one in found if one.state == PINNED]
        before = [one for one in found if one.state == PUBLISHED]
        if pinned:
            before = [one for one in before if one.snapshot_id < pinned[0].snapshot_id]
        else:
            before = before[1:]
        before = [one for one in before if _exists(lake, one.snapshot_id)]
        if not before:
            raise UsageError(
                "there is no earlier publication to go back to",
                allowed="a lake with an earlier publication whose snapshot has not expired",
                remedy="`segmentry publish status` lists them",
            )
        lake.execute("begin")
        lake.execute(f"delete from lake.{TABLE} where state = '{PINNED}'")
        _add(lake, before[0].snapshot_id, PINNED)
        lake.execute("commit")
        return before[0]


def unpin(lake: duckdb.DuckDBPyConnection) -> None:
    """Let readers see the newest state although no gate has passed: the snapshots before it are
    about to be removed.
    """
    if pinned_at(lake) is not None:
        lake.execute(f"delete from lake.{TABLE} where state = '{PINNED}'")


def _add(lake: duckdb.DuckDBPyConnection, snapshot: int, state: str) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    lake.execute(f"insert into lake.{TABLE} values (?, ?, ?)", [snapshot, state, now])


def _exists(lake: duckdb.DuckDBPyConnection, snapshot: int) -> bool:
    sql = "select 1 from __ducklake_metadata_lake.ducklake_snapshot where snapshot_id = ?"
    return lake.execute(sql, [snapshot]).fetchone() is not None
