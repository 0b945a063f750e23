"""From what a person writes on the command line to one profile."""

from __future__ import annotations

import duckdb

from segmentry import warehouse
from segmentry.errors import UsageError


def profile_named(lake: duckdb.DuckDBPyConnection, identifier: str) -> str:
    """The current profile_id of a ``profile_id`` or ``type:value`` (``email:ann@example.com``), or UsageError.

    The error does not repeat the value: it may be a person's.
    """
    warehouse.require(lake, "identity.identifier_mapping", made_by="identity")
    kind, separator, value = identifier.partition(":")
    found = _by_identifier(lake, kind, value) if separator else _by_profile(lake, identifier)
    if found is None:
        shown = f"no profile has this {kind}" if separator else "no profile has this id"
        raise UsageError(
            shown,
            allowed="a profile_id, or type:value with a type of " + ", ".join(_types(lake)),
            remedy="check the value; `segmentry query 'select * from identity.identifier_mapping limit 10'` lists some",
        )
    return found


def _by_identifier(lake: duckdb.DuckDBPyConnection, kind: str, value: str) -> str | None:
    row = lake.execute(
        "select profile_id from lake.identity.identifier_mapping"
        " where identifier_type = ? and (identifier = ? or lower(identifier) = lower(trim(?)))"
        " order by identifier = ? desc, identifier limit 1",
        [kind, value, value, value],
    ).fetchone()
    return str(row[0]) if row else None


def _by_profile(lake: duckdb.DuckDBPyConnection, profile_id: str) -> str | None:
    relation = "identity.profile_resolution"
    if warehouse.relation_exists(lake, relation):
        row = lake.execute(
            f"select current_profile_id from lake.{relation} where profile_id = ?", [profile_id]
        ).fetchone()
        if row and row[0]:
            return str(row[0])
    row = lake.execute(
        "select profile_id from lake.identity.identifier_mapping where profile_id = ? limit 1", [profile_id]
    ).fetchone()
    return str(row[0]) if row else None


def _types(lake: duckdb.DuckDBPyConnection) -> list[str]:
    rows = lake.execute("select distinct identifier_type from lake.identity.identifier_mapping order by 1").fetchall()
    return [str(row[0]) for row in rows]
