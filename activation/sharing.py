"""Rows that leave a sync and stay at the place, because another sync has them there too.

Two files may name one list or one attribute, and a file that was renamed without stating its former
name has the place of the orphaned one. A person who leaves one of the syncs stays there as long as
the other has the person; a person who opted out is removed at once, and the other sync then
removes the person as well, or sends the row again if its own purpose allows it.
"""

from __future__ import annotations

import duckdb

from activation import work
from activation.destination import Destination
from activation.ledger import shared_rows
from activation.ledger.database import Ledger
from activation.ledger.shared_rows import Others
from activation.places import WrittenPlace
from activation.plan import SyncPlan
from segmentry.sync_config import SyncConfig

REMOVED = "select ledger_key, profile_id from work.plan where operation = 'remove'"
WITHDRAWN = "select ledger_key, profile_id from work.withdrawn"


def others(
    ledger: Ledger, sync: SyncConfig, destination: Destination, place: WrittenPlace
) -> Others:
    """The syncs that share their rows with this one; none where what is sent names its sync, and
    for a sync that removes people.
    """
    is_apart = destination.is_snapshot or destination.names_syncs or sync.mode == "delete"
    return Others() if is_apart else shared_rows.others(ledger, sync.name, place)


def keep_in_plan(
    lake: duckdb.DuckDBPyConnection,
    ledger: Ledger,
    shared: Others,
    destination: Destination,
    plan: SyncPlan,
) -> None:
    """Move the removals of rows that another sync has there from ``work.plan`` to ``work.kept``."""
    if not plan.counts["remove"]:
        return
    chosen = "operation = 'remove' and ledger_key not in (select ledger_key from work.plan where"
    plan.kept = _keep(lake, ledger, shared, destination, "plan", f"{chosen} operation <> 'remove')")
    plan.counts["remove"] -= plan.kept
    if plan.kept:
        plan.notes.append(_note(plan.kept, shared))


def keep_in_withdrawn(
    lake: duckdb.DuckDBPyConnection, ledger: Ledger, shared: Others, destination: Destination
) -> int:
    """The same for ``work.withdrawn``, where a place is emptied; returns how many are kept."""
    return _keep(lake, ledger, shared, destination, "withdrawn", "true")


def _keep(
    lake: duckdb.DuckDBPyConnection,
    ledger: Ledger,
    shared: Others,
    destination: Destination,
    relation: str,
    chosen: str,
) -> int:
    # A tool that knows a row by several identifiers got others from the other sync: all are
    # removed, and the other sync sends its own again.
    if not shared.same or destination.identifying:
        return 0
    work.put(lake, "elsewhere", shared_rows.keys_of(ledger, shared.same))
    lake.execute(
        f"create or replace table work.kept as select ledger_key from work.{relation}"
        f" where {chosen} and ledger_key in (select value from work.elsewhere)"
    )
    kept = work.count(lake, "kept")
    if kept:
        leaving = f"{chosen} and ledger_key in (select ledger_key from work.kept)"
        lake.execute(f"delete from work.{relation} where {leaving}")
    return kept


def _note(kept: int, shared: Others) -> str:
    names = ", ".join(shared.same)
    return (
        f"{kept:,} row(s) leave the sync and stay at the place, where they are rows of {names} too"
    )


def forget_kept(
    lake: duckdb.DuckDBPyConnection, ledger: Ledger, shared: Others, sync: str, run_id: str
) -> int:
    """Forget the rows of ``work.kept``; returns how many the other syncs have as of now."""
    found = lake.execute("select ledger_key from work.kept order by ledger_key").fetchall()
    keys = [ledger_key for (ledger_key,) in found]
    return shared_rows.forget(ledger, sync, run_id, shared.same, keys)


def expect_again(
    lake: duckdb.DuckDBPyConnection, ledger: Ledger, shared: Others, leaving: str
) -> None:
    """Have the other syncs send again what this one is about to remove.

    leaving: a query that gives ``ledger_key`` and ``profile_id`` of the rows that leave.
    """
    if not (shared.same or shared.alike):
        return
    found = lake.execute(leaving).fetchall()
    shared_rows.expect_again(
        ledger,
        shared,
        (ledger_key for ledger_key, _ in found),
        (profile_id for _, profile_id in found if profile_id is not None),
    )
