"""Rows whose identifiers changed at the destination, and rows that share one with a row that
leaves.

It is for destinations that keep a row under several identifiers at once. An update alone would add
the new identifier there and leave the old one, of which nobody would know any more: what was sent
before is removed, then the row is added. A removal takes a shared identifier (the phone number of a
family) from the rows that stay too: they are sent again. A plan counts all of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import duckdb

from activation import destination as destinations
from activation import work
from segmentry.sync_config import SyncConfig

CHUNK = 5_000  # rows at a time
Identify = Callable[[Mapping[str, Any]], str | None]


def identify_by(sync: SyncConfig) -> Identify | None:
    """What makes a row's identifiers of its values; None where the key alone names a row."""
    found = destinations.all_destinations().get(sync.destination)
    return partial(found.identifiers, sync) if found and found.identifying else None


def plan(lake: duckdb.DuckDBPyConnection, sync: SyncConfig, audience: str) -> int:
    """Split each update of ``work.plan`` that changes identifiers into a removal and an addition.
    Add an update of each row that shares an identifier with one that leaves.

    audience: the relation that has the new values. Returns how many were split. A row that was sent
    by a version that kept no identifiers stays an update: what it left there is not known.
    """
    identify = identify_by(sync)
    if identify is None:
        return 0
    replaced = _split(lake, sync, audience, identify)
    _plan_sharing(lake, sync)
    return replaced


def note(replaced: int) -> list[str]:
    """A note of the rows that were split."""
    text = "have other identifiers than were sent: those are removed, then the rows are added"
    return [f"{replaced:,} row(s) {text}"] if replaced else []


def _split(
    lake: duckdb.DuckDBPyConnection, sync: SyncConfig, audience: str, identify: Identify
) -> int:
    work.put_values(lake, "replaced", _changed(lake, sync, audience, identify))
    chosen = "operation = 'update' and ledger_key in (select value from work.replaced)"
    lake.execute(
        "insert into work.plan select 'remove', row_key, profile_id, identity, ledger_key, '',"
        f" destination_id, identifiers from work.plan where {chosen}"
    )
    lake.execute(f"update work.plan set operation = 'add' where {chosen}")
    return work.count(lake, "replaced")


def find_sharing(lake: duckdb.DuckDBPyConnection, sync: SyncConfig, leaving: str) -> list[str]:
    """Ledger keys of the rows that stay and share an identifier with a row that leaves.

    leaving: a query that gives ``ledger_key`` and ``identifiers`` of the rows that leave.
    """
    names = _naming(sync)
    if not names or sync.mode == "delete":  # of which all rows are removals
        return []
    cursor = lake.cursor()
    cursor.execute(f"select identifiers from ({leaving}) where identifiers is not null")
    freed: set[tuple[str, str]] = set()
    while chunk := cursor.fetchmany(CHUNK):
        freed.update(*(_parts(identifiers, names) for (identifiers,) in chunk))
    if not freed:
        return []
    cursor.execute(
        "select ledger_key, identifiers from work.existing where identifiers is not null"
        f" and ledger_key not in (select ledger_key from ({leaving})) order by ledger_key"
    )
    found: list[str] = []
    while chunk := cursor.fetchmany(CHUNK):
        found += [key for key, identifiers in chunk if _parts(identifiers, names) & freed]
    return found


def _plan_sharing(lake: duckdb.DuckDBPyConnection, sync: SyncConfig) -> None:
    """Add to ``work.plan`` an update of each row that shares an identifier with one that leaves.

    ``work.sharing`` has the ledger keys of all of them.
    """
    found = find_sharing(lake, sync, LEAVING)
    work.put_values(lake, "sharing", set(found))
    if found:
        lake.execute(
            "insert into work.plan select 'update', w.row_key, w.profile_id, w.identity,"
            " w.ledger_key, w.payload_hash, h.destination_id, h.identifiers"
            " from work.wanted w join work.existing h on h.ledger_key = w.ledger_key"
            " where w.ledger_key in (select value from work.sharing)"
            " and w.ledger_key not in (select ledger_key from work.plan)"
        )


LEAVING = (
    "select ledger_key, identifiers from work.withdrawn union all"
    " select ledger_key, identifiers from work.plan where operation = 'remove'"
)


def _naming(sync: SyncConfig) -> frozenset[str]:
    found = destinations.all_destinations().get(sync.destination)
    return frozenset(found.identifying) if found else frozenset()


def _parts(identifiers: str, names: frozenset[str]) -> set[tuple[str, str]]:
    """The identifiers of a row of which each alone names a person."""
    found = json.loads(identifiers)
    members = found if isinstance(found, list) else [found]
    return {
        (name, str(value)) for member in members for name, value in member.items() if name in names
    }


def _changed(
    lake: duckdb.DuckDBPyConnection, sync: SyncConfig, audience: str, identify: Identify
) -> set[str]:
    """Ledger keys of the updates whose identifiers are no longer those that were sent."""
    names = [column.name for column in sync.columns]
    selected = ", ".join(f'a."{name}"' for name in names)
    cursor = lake.cursor()
    cursor.execute("use lake")
    cursor.execute(
        f"select p.ledger_key, p.identifiers, {selected} from work.plan p join {audience} a"
        " on p.row_key = a.row_key where p.operation = 'update' and p.identifiers is not null"
    )
    changed: set[str] = set()
    while chunk := cursor.fetchmany(CHUNK):
        changed |= {
            ledger_key
            for ledger_key, former, *values in chunk
            if identify(dict(zip(names, values, strict=True))) != former
        }
    return changed
