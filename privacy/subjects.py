"""Who is to be forgotten or exported: every identifier of a person, current and former."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import duckdb

from identity import people
from segmentry import warehouse
from segmentry.errors import UsageError
from segmentry.tombstones import Named


@dataclass
class Subject:
    """One person or several. identifiers: (type, normal form). spelled: (type, as a source wrote
    it). names: full names that nobody else has.
    """

    profiles: list[str] = field(default_factory=list)
    identifiers: list[Named] = field(default_factory=list)
    spelled: list[Named] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    @property
    def values(self) -> list[str]:
        """Every text that names the people."""
        named = [value for _, value in [*self.identifiers, *self.spelled]]
        return sorted({*self.profiles, *self.names, *named})

    @property
    def types(self) -> dict[str, int]:
        """How many identifiers there are of each type."""
        return dict(sorted(Counter(kind for kind, _ in self.identifiers).items()))

    def as_record(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def of_record(cls, record: dict[str, Any]) -> Subject:
        """What ``as_record`` gave."""
        pairs = {name: [(k, v) for k, v in record[name]] for name in ("identifiers", "spelled")}
        return cls(record["profiles"], names=record["names"], **pairs)


def find(lake: duckdb.DuckDBPyConnection, asked: Sequence[str]) -> Subject:
    """The people that these name: ``type:value`` each, or a profile_id.

    An identifier that no profile has is a subject too: records may mention it. A profile_id that
    nobody has is a UsageError.
    """
    warehouse.require(lake, "identity.identifier_mapping", made_by="identity")
    current: set[str] = set()
    named: set[Named] = set()
    for text in asked:
        kind, colon, value = text.partition(":")
        if colon and not value.strip():
            raise UsageError(
                f"'{kind}:' has no value",
                allowed="type:value, such as email:ann@example.com, or a profile_id",
                remedy="write the identifier behind the colon",
            )
        if not colon:
            current.add(people.profile_named(lake, text))
            continue
        one = people.spelled(lake, kind, value)
        owner = lake.execute(
            "select profile_id from lake.identity.identifier_mapping where identifier_type = ? and"
            " identifier = ?",
            list(one),
        ).fetchone()
        named.add(one)
        if owner is not None:
            current.add(owner[0])
    return of_profiles(lake, current, named)


def of_profiles(lake: duckdb.DuckDBPyConnection, current: set[str], named: set[Named]) -> Subject:
    """The people of these profiles, with all their identifiers and these."""
    former = lake.execute(
        "select profile_id from lake.identity.profile_resolution where list_contains(?,"
        " current_profile_id)",
        [sorted(current)],
    ).fetchall()
    profiles = sorted(current | {profile for (profile,) in former})
    # What a person had and another profile has now is theirs no more.
    own = lake.execute(
        """
        select identifier_type, identifier from lake.identity.identifier_mapping
        where list_contains($profiles, profile_id)
        union
        select scd.identifier_type, scd.identifier from lake.identity.id_mapping_scd as scd
        anti join lake.identity.identifier_mapping as others
            on scd.identifier_type = others.identifier_type
            and scd.identifier = others.identifier
            and not list_contains($profiles, others.profile_id)
        where list_contains($profiles, scd.profile_id)
        """,
        {"profiles": profiles},
    ).fetchall()
    identifiers = sorted({*named, *own})
    return Subject(profiles, identifiers, _spelled(lake, identifiers), _names(lake, profiles))


def _spelled(lake: duckdb.DuckDBPyConnection, identifiers: Sequence[Named]) -> list[Named]:
    found = lake.execute(
        """
        select distinct identifier_type, value from lake.identity.identifier_values
        where identifier is not null and list_contains(?, identifier_type || ':' || identifier)
        order by all
        """,
        [[f"{kind}:{value}" for kind, value in identifiers]],
    ).fetchall()
    bare = [
        (kind, value.partition(":")[2])
        for kind, value in identifiers
        if kind == "crm_id" and ":" in value
    ]
    return sorted({*found, *bare})


def _names(lake: duckdb.DuckDBPyConnection, profiles: Sequence[str]) -> list[str]:
    if not warehouse.relation_exists(lake, "identity.traits"):
        return []
    rows = lake.execute(
        """
        with named as (
            select profile_id, first_name || ' ' || last_name as name from lake.identity.traits
            where first_name is not null and last_name is not null
        )
        select name from named group by lower(name), name
        having bool_and(list_contains(?, profile_id)) order by name
        """,
        [list(profiles)],
    ).fetchall()
    return [name for (name,) in rows]


def tombstones_of(subject: Subject) -> list[Named]:
    """What is remembered of the people, as hashes: their identifiers, in all spellings."""
    return [*subject.identifiers, *subject.spelled, *(("profile_id", p) for p in subject.profiles)]
