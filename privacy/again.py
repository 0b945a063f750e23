"""Erases again the people that a restored backup brings back, by their tombstones.

Tombstones are keyed hashes, so what the lake knows is compared with them: profile_ids, which decide
which profiles are forgotten, and identifiers. An account, an address or a number of a forgotten
person is erased wherever it is, as records with it are when they arrive. A browser or a device may
be used by several people, and goes with a forgotten profile alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import duckdb

from privacy import erasure, record
from privacy.erasure import ErasureReport
from privacy.subjects import Subject, of_profiles
from segmentry import configuration, warehouse
from segmentry.settings import Settings
from segmentry.tombstones import STRONG, WEAK_TYPES, Named, Tombstones, leaves

# Where the lake has identifiers, each with its type.
_PLACES = {
    "identity.identifier_mapping": "identifier",
    "identity.id_mapping_scd": "identifier",
    "identity.identifier_values": "value",
}
_PROFILES = "identity.profile_resolution"
_CHUNK = 10_000  # rows


@dataclass
class Forgotten:
    """What a lake has of forgotten people."""

    profiles: set[str] = field(default_factory=set)
    named: set[Named] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.profiles or self.named)


def erase(settings: Settings) -> list[ErasureReport]:
    """Bring open erasures on, then erase every forgotten person of the lake, in one pass.

    Safe to repeat: people who are erased are not found again.
    """
    reports = [erasure.finish(settings, one) for one in record.opened(settings)]
    with warehouse.connect(settings, read_only=True) as lake:
        found = forgotten(settings, lake)
        if not found:
            return reports
        is_built = warehouse.relation_exists(lake, _PROFILES)
        subject = (
            of_profiles(lake, found.profiles, found.named)
            if is_built
            else Subject(identifiers=sorted(found.named))
        )
    asked = [*sorted(found.profiles), *(f"{kind}:{value}" for kind, value in sorted(found.named))]
    return [*reports, erasure.forget(settings, subject, asked, is_now=True)]


def forgotten(settings: Settings, lake: duckdb.DuckDBPyConnection) -> Forgotten:
    """The profiles and identifiers of forgotten people that the lake has."""
    graves = Tombstones(settings, configuration.shop_country(settings))
    found = Forgotten()
    if not graves:
        return found
    if warehouse.relation_exists(lake, _PROFILES):
        rows = lake.execute(f"select profile_id from lake.{_PROFILES}").fetchall()
        found.profiles |= {one for (one,) in rows if graves.has("profile_id", one)}
    for relation, column in _PLACES.items():
        if warehouse.relation_exists(lake, relation):
            _add_mapped(lake, graves, found, f"lake.{relation}", column)
    for relation in warehouse.relations(lake, "raw"):
        if not relation.startswith("raw._"):
            _add_landed(lake, graves, found, relation)
    return found


def _add_mapped(
    lake: duckdb.DuckDBPyConnection, graves: Tombstones, found: Forgotten, relation: str,
    column: str,
) -> None:  # fmt: skip
    lake.execute(
        f"select distinct identifier_type, {column} from {relation} where {column} is not null"
    )
    while rows := lake.fetchmany(_CHUNK):
        found.named |= {
            (kind, value)
            for kind, value in rows
            if kind not in WEAK_TYPES and graves.has(kind, value)
        }


def _add_landed(
    lake: duckdb.DuckDBPyConnection, graves: Tombstones, found: Forgotten, relation: str
) -> None:
    """Identifiers in records that landed, which may not be in the mapping yet."""
    lake.execute(f"select _raw from lake.{relation}")
    while rows := lake.fetchmany(_CHUNK):
        for (raw,) in rows:
            if graves.names_forgotten(raw):
                found.named |= _of_record(raw, graves)


def _of_record(raw: str, graves: Tombstones) -> set[Named]:
    found: set[Named] = set()
    for kind, value in leaves(raw):
        if kind is not None and kind not in WEAK_TYPES and graves.has(kind, value):
            found.add((kind, value))
        elif kind is None and graves.has(STRONG, value):
            found.add(("email" if "@" in value else "user_id", value))
    return found
