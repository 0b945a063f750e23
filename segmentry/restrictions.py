"""Restrictions and objections of people: activation.restrictions.

A restriction (GDPR, article 18) keeps a person's data and uses them for nothing; an objection
(article 21) rules out one purpose. The view marts.waiting_reach reads the rows that are in force
into the rule of consent, so audiences, gates and every request follow them at once. Only ``lift``
ends one: no grant does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb

from segmentry import warehouse

TABLE = "activation.restrictions"
COLUMNS = (
    "restriction_id varchar, kind varchar, identifier_type varchar, identifier varchar, purpose"
    " varchar, since timestamp, reason varchar, recorded_by varchar, recorded_at timestamp,"
    " lifted_at timestamp, lifted_by varchar, lift_reason varchar"
)
RESTRICTION = "restriction"
OBJECTION = "objection"
PROFILING = "profiling"
# What a person may object to; a restriction is of the purpose `any`.
PURPOSES = ("profiling", "marketing", "advertising", "personalization", "analytics")
# What a decision of the rule is called that comes from this table.
DECISION = "restriction:"
STANDINGS = "marts.profile_standings"
RESTRICTED = "marts.restricted_profiles"
Named = tuple[str, str]


@dataclass(frozen=True)
class Request:
    """What one person asked for. purpose: `any` for a restriction. by: who records it."""

    kind: str
    purpose: str
    reason: str
    by: str


def ensure(lake: duckdb.DuckDBPyConnection) -> None:
    """Create the table where it is missing."""
    if not warehouse.relation_exists(lake, TABLE):
        lake.execute(f"create table if not exists lake.{TABLE} ({COLUMNS})")


def now() -> datetime:
    """The time of an operator's decision, naive UTC: it is recorded, and no result depends on the
    hour.
    """
    return datetime.now(UTC).replace(tzinfo=None)


def add(lake: duckdb.DuckDBPyConnection, named: Sequence[Named], request: Request) -> str:
    """Put identifiers of a person under a restriction, in one commit; returns its id.

    One that is in force for the same identifiers stays as it is: a repeated call changes nothing.
    """
    ensure(lake)
    existing = in_force(lake, named, request.kind, request.purpose)
    covered = {(row["identifier_type"], row["identifier"]) for row in existing}
    missing = [one for one in named if one not in covered]
    if not missing:
        return str(existing[0]["restriction_id"])
    at = now()
    since = min(at, _as_of(lake) or at)
    parts = [request.kind, request.purpose, at.isoformat(), *(f"{k}:{v}" for k, v in named)]
    name = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
    columns = list(zip(*missing, strict=True))
    lake.execute(
        f"insert into lake.{TABLE} select ?, ?, unnest(?::varchar[]), unnest(?::varchar[]), ?, ?,"
        " ?, ?, ?, null, null, null",
        [
            name, request.kind, list(columns[0]), list(columns[1]), request.purpose,
            since, request.reason, request.by, at,
        ],
    )  # fmt: skip
    return name


def _as_of(lake: duckdb.DuckDBPyConnection) -> datetime | None:
    """The run's clock, in which merges and un-merges have their times: the restriction is from then
    on, also in a lake whose records end long before today.
    """
    if not warehouse.relation_exists(lake, "observability.clock"):
        return None
    row = lake.execute("select max(as_of) from lake.observability.clock").fetchone()
    return row[0] if row else None


def in_force(
    lake: duckdb.DuckDBPyConnection,
    named: Sequence[Named],
    kind: str | None = None,
    purpose: str | None = None,
) -> list[dict[str, Any]]:
    """Rows in force that name one of the identifiers, the oldest first."""
    if not warehouse.relation_exists(lake, TABLE):
        return []
    return warehouse.records(
        lake,
        "select restriction_id, kind, identifier_type, identifier, purpose, since"
        f" from lake.{TABLE} where lifted_at is null"
        " and list_contains(?, identifier_type || ':' || identifier) and kind = coalesce(?, kind)"
        " and purpose = coalesce(?, purpose) order by all",
        [[f"{one}:{value}" for one, value in named], kind, purpose],
    )


def lift(
    lake: duckdb.DuckDBPyConnection, restriction_ids: Sequence[str], by: str, reason: str
) -> None:
    """End restrictions for all their identifiers; the rows stay, with who ended them and when."""
    lake.execute(
        f"update lake.{TABLE} set lifted_at = ?, lifted_by = ?, lift_reason = ?"
        " where lifted_at is null and list_contains(?, restriction_id)",
        [now(), by, reason, list(restriction_ids)],
    )


def refused_sql(lake: duckdb.DuckDBPyConnection, purpose: str) -> str:
    """A query of the profiles (profile_id) whose data may not be used for the purpose: by their
    own decision, an objection or a restriction. It has no row before there is a rule of consent.
    """
    if not warehouse.relation_exists(lake, STANDINGS):
        return "select null::varchar as profile_id where false"
    return (
        f"select distinct profile_id from lake.{STANDINGS} where purpose = '{purpose}'"
        " and channel = 'any' and is_refused and profile_id is not null"
    )
