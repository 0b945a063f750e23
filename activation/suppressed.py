"""Who is suppressed, read as rows leave: the present suppressions, and those that the audience was
built with.

It reads a row of ``activation.suppressions`` as ``audiences.suppressed_contacts`` does: its words
in any spelling, its identifier in the normal form, and, if no profile has exactly this identifier,
every profile that may be meant.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

import duckdb

from segmentry import warehouse
from segmentry.identifier_words import PROFILE, loose_matches_by_function, types_named, word
from segmentry.sync_config import CHANNELS

# The present suppressions, and those that the audience was built with: an identifier may have
# another profile since.
NOW = "activation.suppressions"
BUILT = "audiences.suppressed_contacts"
Named = tuple[str, str]


@dataclass
class Suppressed:
    """Profiles that must not be reached, and identifiers as (type, identifier in its normal
    form).
    """

    people: set[str] = field(default_factory=set)
    identifiers: set[Named] = field(default_factory=set)


def read(lake: duckdb.DuckDBPyConnection, channels: Collection[str]) -> Suppressed:
    """Every profile and identifier that is suppressed for one of the channels."""
    built, now = (set(_named(_rows(lake, relation), channels)) for relation in (BUILT, NOW))
    found = Suppressed({value for kind, value in built | now if kind == PROFILE})
    others = {one for one in built if one[0] != PROFILE}
    # What those of the audience may mean was found as it was built, and is among them.
    fresh = set(_normal(lake, sorted(one for one in now if one[0] != PROFILE))) - others
    found.identifiers = others | fresh
    if found.identifiers and warehouse.relation_exists(lake, "identity.identifier_mapping"):
        placed = _add_owners(lake, sorted(found.identifiers), found)
        _add_alike(lake, sorted(fresh - placed), found)
    return found


def _rows(
    lake: duckdb.DuckDBPyConnection, relation: str
) -> Sequence[tuple[str | None, str, str | None]]:
    if not warehouse.relation_exists(lake, relation):
        return []
    columns = "identifier_type, trim(identifier), channel"
    return lake.execute(f"select {columns} from {relation} where identifier is not null").fetchall()


def _named(
    rows: Iterable[tuple[str | None, str, str | None]], channels: Collection[str]
) -> Iterable[Named]:
    """(type, value) of those for the channels; a type or channel that nobody knows may be any."""
    for kind, value, by in rows:
        named = word(by)
        if named in channels or named not in CHANNELS:
            yield from ((one, value) for one in types_named(kind))


def _normal(lake: duckdb.DuckDBPyConnection, named: Sequence[Named]) -> Sequence[Named]:
    """Identifiers in their normal form, as the lake reads them; those that have none as they
    are.
    """
    if not named:
        return []
    kinds = [kind for kind, _ in named]
    values = [value for _, value in named]
    sql = (
        "select kind, coalesce(normal_identifier(kind, value, null), value)"
        " from (select unnest(?::varchar[]) as kind, unnest(?::varchar[]) as value)"
    )
    return lake.execute(sql, [kinds, values]).fetchall()


def _add_owners(
    lake: duckdb.DuckDBPyConnection, named: Sequence[Named], found: Suppressed
) -> set[Named]:
    """Add the present profiles of the identifiers; return the identifiers that have a profile."""
    kinds = [kind for kind, _ in named]
    values = [value for _, value in named]
    owned = lake.execute(
        "select m.identifier_type, m.identifier, m.profile_id from identity.identifier_mapping as m"
        " inner join (select unnest(?::varchar[]) as kind, unnest(?::varchar[]) as value) as s"
        " on m.identifier_type = s.kind and m.identifier = s.value",
        [kinds, values],
    ).fetchall()
    found.people.update(profile for _, _, profile in owned)
    return {(kind, value) for kind, value, _ in owned}


def _add_alike(
    lake: duckdb.DuckDBPyConnection, unplaced: Sequence[Named], found: Suppressed
) -> None:
    """Add the profiles and identifiers that an identifier without an exact match may mean."""
    if not unplaced:
        return
    asked = "(select unnest(?::varchar[]) as identifier_type, unnest(?::varchar[]) as identifier)"
    matches = loose_matches_by_function("asked", "identity.identifier_mapping")
    meant = lake.execute(
        f"with asked as materialized {asked}, matches as ({matches}) select distinct"
        " m.identifier_type, m.identifier, m.profile_id from identity.identifier_mapping as m"
        " inner join matches on m.identifier_type = matches.meant_type and m.identifier ="
        " matches.meant",
        [[kind for kind, _ in unplaced], [value for _, value in unplaced]],
    ).fetchall()
    found.people.update(profile for _, _, profile in meant)
    found.identifiers.update((kind, value) for kind, value, _ in meant)
