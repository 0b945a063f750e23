"""Refusals that count before any stage has run: activation.waiting_refusals.

A row is written in one commit, without waiting for the lake's writer. The view marts.waiting_reach
reads it into the rule of consent, so a sync that is under way sees it before its next request. The
row has the record, and is removed once the rule has it from that record.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from segmentry import restrictions, warehouse
from segmentry.identifier_words import loose_matches_by_function
from segmentry.settings import Settings

TABLE = "activation.waiting_refusals"
COLUMNS = (
    "consent_id varchar, identifier_type varchar, identifier varchar, match varchar, purpose"
    " varchar, channel varchar, decided_at timestamp, file varchar, line bigint, record varchar"
)
REACH = "marts.waiting_reach"
ATTEMPTS = 30  # of a commit that meets another; with the waits below, ten seconds
WAIT = 0.33  # seconds
NAMED = "named"


@dataclass(frozen=True)
class Refusal:
    """One refused identifier. file, line, record: how it is landed as a record of `consents`."""

    consent_id: str
    identifier_type: str
    identifier: str
    purpose: str
    channel: str
    decided_at: datetime
    file: str
    line: int
    record: str


def ensure(lake: duckdb.DuckDBPyConnection) -> None:
    """Create the tables of ``REACH`` where they are missing."""
    restrictions.ensure(lake)
    if not warehouse.relation_exists(lake, TABLE):
        lake.execute(f"create table if not exists lake.{TABLE} ({COLUMNS})")


def add(settings: Settings, refusals: Sequence[Refusal]) -> dict[str, int]:
    """Write refusals, each with all that it may mean, in one commit; those that are there are left.

    Returns the number of refusals by their match: exact, possible or none. Another writer is not
    waited for; a commit that meets its commit is tried again.
    """
    if not refusals:
        return {}
    with warehouse.connect(settings) as lake:
        again(lambda: ensure(lake))
        matches, rows = _rows(lake, refusals)
        ids = [one.consent_id for one in refusals]

        def write() -> None:
            there = set(
                lake.execute(
                    f"select consent_id from lake.{TABLE} semi join (select unnest(?::varchar[]) as"
                    " consent_id) as asked using (consent_id)",
                    [ids],
                ).fetchall()
            )
            fresh = [row for row in rows if (row[0],) not in there]
            if fresh:
                _insert(lake, fresh)

        again(write)
    return matches


def _insert(lake: duckdb.DuckDBPyConnection, rows: Sequence[Sequence[Any]]) -> None:
    lake.execute("begin")
    try:
        names = [part.split()[0] for part in COLUMNS.split(", ")]
        kinds = [part.split()[1] for part in COLUMNS.split(", ")]
        lists = ", ".join(
            f"unnest(?::{kind}[]) as {name}" for name, kind in zip(names, kinds, strict=True)
        )
        lake.execute(
            f"insert into lake.{TABLE} select {lists}",
            [list(column) for column in zip(*rows, strict=True)],
        )
        lake.execute("commit")
    except duckdb.Error:
        lake.execute("rollback")
        raise


def again(write: Callable[[], None]) -> None:
    """Write until the commit meets no other; the last fault is raised."""
    for _ in range(ATTEMPTS - 1):
        try:
            write()
        except duckdb.Error:
            time.sleep(WAIT)
        else:
            return
    write()


def _rows(
    lake: duckdb.DuckDBPyConnection, refusals: Sequence[Refusal]
) -> tuple[dict[str, int], list[list[Any]]]:
    """The table's rows: the identifiers named, in their normal form, and those that they may
    mean.
    """
    normal = lake.execute(
        "select coalesce(normal_identifier(kind, value, null), trim(value)) from (select"
        " unnest(?::varchar[]) as kind, unnest(?::varchar[]) as value)",
        [[one.identifier_type for one in refusals], [one.identifier for one in refusals]],
    ).fetchall()
    named = [(one.identifier_type, value) for one, (value,) in zip(refusals, normal, strict=True)]
    known, meant = _meant(lake, named)
    matches: dict[str, int] = {}
    rows = []
    for one, name in zip(refusals, named, strict=True):
        match = "possible" if name in meant else "exact" if name in known else "none"
        matches[match] = matches.get(match, 0) + 1
        for kind, value in [name, *meant.get(name, ())]:
            is_named = (kind, value) == name
            rows.append(
                [
                    one.consent_id, kind, value, match if is_named else "meant", one.purpose,
                    one.channel, one.decided_at, one.file, one.line,
                    one.record if is_named else None,
                ]
            )  # fmt: skip
    return matches, rows


Named = tuple[str, str]


def _meant(
    lake: duckdb.DuckDBPyConnection, named: Sequence[Named]
) -> tuple[set[Named], dict[Named, list[Named]]]:
    """Those that are known, and what the others may mean."""
    if not warehouse.relation_exists(lake, "identity.identifier_mapping"):
        return set(), {}
    asked = "(select unnest(?::varchar[]) as identifier_type, unnest(?::varchar[]) as identifier)"
    values = [[kind for kind, _ in named], [value for _, value in named]]
    known = set(
        lake.execute(
            "select distinct identifier_type, identifier from identity.identifier_mapping semi join"
            f" {asked} as asked using (identifier_type, identifier)",
            values,
        ).fetchall()
    )
    # An identifier that a refusal alone names has a profile too: the rule looks for more.
    unsure = set()
    if warehouse.relation_exists(lake, "marts.consent_matches"):
        unsure = set(
            lake.execute(
                "select distinct identifier_type, identifier from marts.consent_matches semi join"
                f" {asked} as asked using (identifier_type, identifier)",
                values,
            ).fetchall()
        )
    unplaced = sorted({one for one in named if one not in known or one in unsure})
    meant: dict[Named, list[Named]] = {}
    if unplaced:
        sql = loose_matches_by_function("asked", "identity.identifier_mapping")
        found = lake.execute(
            f"with asked as materialized {asked} select distinct * from ({sql}) order by all",
            [[kind for kind, _ in unplaced], [value for _, value in unplaced]],
        ).fetchall()
        for kind, value, meant_type, meant_value in found:
            if (kind, value) != (meant_type, meant_value):
                meant.setdefault((kind, value), []).append((meant_type, meant_value))
    return known, meant


def reached(settings: Settings, consent_ids: Sequence[str]) -> tuple[int, list[str]]:
    """The number of profiles that the refusals reach, and the syncs that have rows of them."""
    return reached_by(settings, [f"consents:{one}" for one in consent_ids])


def reached_by(settings: Settings, decisions: Sequence[str]) -> tuple[int, list[str]]:
    """The same for decisions, by the name that ``REACH`` has for them."""
    with warehouse.connect(settings, read_only=True) as lake:
        if not warehouse.relation_exists(lake, REACH):
            return 0, []
        lake.execute(
            "create or replace temp table reached as select distinct profile_id from"
            f" lake.{REACH} semi join (select unnest(?::varchar[]) as decision_id) as asked using"
            " (decision_id) where profile_id is not null",
            [list(decisions)],
        )
        (profiles,) = lake.execute("select count(*) from temp.reached").fetchone() or (0,)
        if not warehouse.relation_exists(lake, "activation.sync_snapshot"):
            return int(profiles), []
        syncs = lake.execute(
            "select distinct sync from lake.activation.sync_snapshot where profile_id in (select"
            " profile_id from temp.reached) order by 1"
        ).fetchall()
    return int(profiles), [name for (name,) in syncs]


def files(lake: duckdb.DuckDBPyConnection) -> list[tuple[str, list[tuple[int, str]]]]:
    """The records that wait, by the file that they are landed as: (line, record) in order."""
    if not warehouse.relation_exists(lake, TABLE):
        return []
    found: dict[str, list[tuple[int, str]]] = {}
    for file, line, record in lake.execute(
        f"select file, line, record from lake.{TABLE} where record is not null order by all"
    ).fetchall():
        found.setdefault(file, []).append((int(line), record))
    return list(found.items())


def remove_those_the_rule_has(lake: duckdb.DuckDBPyConnection) -> None:
    """Remove the rows whose landed record has become a decision; the decision counts from there."""
    needed = (TABLE, "staging.base_consents", "marts.consents")
    if not all(warehouse.relation_exists(lake, relation) for relation in needed):
        return
    decided = (
        "select records.consent_id from lake.staging.base_consents as records inner join"
        " lake.marts.consents as decisions on records.record_id = decisions.record_id"
    )
    (count,) = lake.execute(
        f"select count(*) from lake.{TABLE} where consent_id in ({decided})"
    ).fetchone() or (0,)
    if count:
        lake.execute(f"delete from lake.{TABLE} where consent_id in ({decided})")


def remove_those_not_landed(
    lake: duckdb.DuckDBPyConnection, file: str, relation: str, batch_id: str
) -> None:
    """Remove the rows of a file whose records a tombstone kept out: the person was forgotten."""
    if warehouse.relation_exists(lake, TABLE):
        lake.execute(
            f"delete from lake.{TABLE} where file = ? and consent_id not in (select consent_id from"
            f" lake.{TABLE} where record in (select _raw from {relation} where _batch_id = ?))",
            [file, batch_id],
        )
