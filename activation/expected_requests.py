"""How many requests a plan takes, and how long: look-ups, second calls and splits included.

The batches are those that the sender makes, at the place of the plan and at a former one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import duckdb

from activation import guardrails, sharing, withdrawals
from activation import plan as plans
from activation.client import Rate
from activation.destination import Destination
from activation.ledger import changelog
from activation.ledger.database import Ledger
from activation.ledger.shared_rows import Others
from activation.model import Row
from activation.plan import SyncPlan
from activation.send.batching import batches, most_rows
from segmentry.sync_config import SyncConfig

# Bytes that a row has in a request besides its values, key and identifiers; the sender counts 96.
_AROUND = 200
# JSON of the lake's values may be written in other ways by the sender, but not twice as long.
_LONGER = 2


def of_plan(
    lake: duckdb.DuckDBPyConnection, ledger: Ledger, destination: Destination, made: SyncPlan
) -> int:
    """The requests at the place of the plan; its rows are in ``work.plan`` and ``work.withdrawn``.

    Rows that are refused as they leave and requests that fail are not foreseen.
    """
    if destination.is_snapshot:
        return int(not made.is_empty) + int(made.withdrawn > 0)
    sync = made.sync
    found = _withdrawing(lake, sync, destination, made.withdrawn)
    if made.is_empty:
        return found
    removed = made.counts["remove"]
    added = made.counts["add"] + made.counts["update"]
    if _may_split(destination, sync, _longest_addition(lake, made)):
        found += _counted(plans.rows(lake, made), sync, destination)
    else:
        found += _batched(removed, sync, destination, is_removal=True)
        found += _batched(added, sync, destination, is_removal=False)
    return (
        found
        + _cleared(lake, ledger, destination, made)
        + int(guardrails.asks_for_members(made, destination))
    )


def of_emptying(
    lake: duckdb.DuckDBPyConnection,
    ledger: Ledger,
    sync: SyncConfig,
    destination: Destination,
    others: Others,
    find: Callable[[bool], int],
) -> tuple[int, int, int]:
    """Of a place that is emptied: rows removed, rows kept for other syncs, and requests.

    find: fills ``work.withdrawn`` with the withdrawals, or with every row where it is given True.
    Withdrawals are sent by themselves, before anything is decided.
    """
    withdrawn = find(False)
    requests = _withdrawing(lake, sync, destination, withdrawn)
    lake.execute("create or replace table work.left as select ledger_key from work.withdrawn")
    find(True)
    lake.execute(
        "delete from work.withdrawn where ledger_key in (select ledger_key from work.left)"
    )
    kept = sharing.keep_in_withdrawn(lake, ledger, others, destination)
    row = lake.execute("select count(*) from work.withdrawn").fetchone()
    rest = int(row[0]) if row else 0
    requests += _withdrawing(lake, sync, destination, rest)
    return withdrawn + rest, kept, requests


def minutes(sync: SyncConfig, destination: Destination, requests: int) -> float:
    """How long so many requests take by the sync's own limit, or the vendor's; 0 without one."""
    limits = sync.limits
    rate = destination.rate
    if limits.requests is not None:
        rate = Rate(limits.requests, limits.seconds)
    return requests * rate.seconds / rate.requests / 60 if rate else 0.0


def _withdrawing(
    lake: duckdb.DuckDBPyConnection, sync: SyncConfig, destination: Destination, rows: int
) -> int:
    if not rows:
        return 0
    if destination.is_snapshot:
        return 1
    longest = _number(
        lake,
        "select max(strlen(identity) + coalesce(strlen(identifiers), 0)) from work.withdrawn",
    )
    if _may_split(destination, sync, longest):
        return _counted(withdrawals.rows(lake), sync, destination)
    return _batched(rows, sync, destination, is_removal=True)


def _batched(rows: int, sync: SyncConfig, destination: Destination, *, is_removal: bool) -> int:
    most = most_rows(sync, destination)
    whole, rest = divmod(rows, most)
    found = whole * destination.requests_of(most, is_removal=is_removal) if whole else 0
    return found + (destination.requests_of(rest, is_removal=is_removal) if rest else 0)


def _counted(chunks: Iterable[Sequence[Row]], sync: SyncConfig, destination: Destination) -> int:
    return sum(
        destination.requests_of(len(rows), is_removal=rows[0].operation == "remove")
        for rows in batches(chunks, sync, destination)
    )


def _may_split(destination: Destination, sync: SyncConfig, longest: int) -> bool:
    """Whether a batch may have more bytes than one request: its rows are then looked at."""
    return most_rows(sync, destination) * (longest + _AROUND) > destination.batch_bytes


def _longest_addition(lake: duckdb.DuckDBPyConnection, made: SyncPlan) -> int:
    source = plans.audience(made.sync, made.snapshot)
    values = _number(lake, f"select max(strlen(cast(to_json(a) as varchar))) from {source} as a")
    sent = _number(lake, "select max(coalesce(strlen(identifiers), 0)) from work.plan")
    return _LONGER * values + max(sent, _AROUND * len(made.sync.columns))


def _number(lake: duckdb.DuckDBPyConnection, query: str) -> int:
    row = lake.execute(query).fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def _cleared(
    lake: duckdb.DuckDBPyConnection, ledger: Ledger, destination: Destination, made: SyncPlan
) -> int:
    """Rows that take a request of their own, as the bulk call does not clear a value."""
    sync = made.sync
    nullable = [column.name for column in sync.columns if column.name not in sync.left_alone]
    if not destination.bulk_keeps_nulls or not nullable:
        return 0
    is_null = " or ".join(f'a."{name}" is null' for name in nullable)
    found = lake.execute(
        f"select p.row_key, p.operation from work.plan p join"
        f" {plans.audience(sync, made.snapshot)} a on p.row_key = a.row_key"
        f" where p.operation <> 'remove' and ({is_null})"
    ).fetchall()
    returning = set(changelog.once_removed(ledger, sync.name)) if found else set()
    return sum(operation == "update" or key in returning for key, operation in found)
