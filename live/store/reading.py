"""Reads from the lake what the store keeps of profiles, and which profiles have changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from activation import consent_policy, suppressed
from live.store.records import GRANTED, REFUSED, ProfileRecord, Version
from live.store.rules import StoreRules
from segmentry import freshness, warehouse
from segmentry.settings import Settings
from segmentry.sync_config import CHANNELS

CHUNK = 1000  # profiles of one transaction of the store
_FORMAT = 1  # raise it with every change of what a record contains: stores are rebuilt then
_NEEDED = (
    ("identity.identifier_mapping", "identity"),
    ("marts.profile_standings", "marts"),
    ("profiles.profiles", "profiles"),
    ("segments.segment_memberships", "memberships"),
)
# What decides the consent of a profile besides its identifiers.
_CONSENT = frozenset(
    {
        ("marts", "consents"), ("marts", "consent_reach"), ("activation", "waiting_refusals"),
        ("activation", "suppressions"), ("activation", "restrictions"),
        ("audiences", "suppressed_contacts"),
        ("observability", "clock"), ("identity", "identifier_mapping"),
    }
)  # fmt: skip
_PERSONA = ("next_category", "cluster_id", "persona", "persona_confidence")
_PEOPLE = "temp.main.fed_people"
_CONSENTS = "temp.main.fed_consents"
_CHANGED_SQL = {
    "insert": "lake.{0} except all select {1} from lake.{0} at (version => {2})",
    "delete": "lake.{0} at (version => {2}) except all select {1} from lake.{0}",
}


@dataclass(frozen=True)
class RecordShape:
    """Columns of ``profiles.profiles`` that become traits and scores; purposes with the countries
    in which they need an opt-in.
    """

    traits: tuple[str, ...]
    scores: tuple[str, ...]
    strict: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def fingerprint(self) -> str:
        """Another one means that every record may have other content."""
        text = json.dumps([_FORMAT, self.traits, self.scores, self.strict])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def columns(self) -> list[str]:
        """The columns that a record is made of."""
        return sorted({"profile_id", "country", *self.traits, *self.scores})


def missing(lake: duckdb.DuckDBPyConnection) -> str:
    """The first stage that has to run before there is anything to keep, or ''."""
    for relation, stage in _NEEDED:
        if not warehouse.relation_exists(lake, relation):
            return stage
    return ""


def shape(settings: Settings, lake: duckdb.DuckDBPyConnection, rules: StoreRules) -> RecordShape:
    """What the records of this lake are made of."""
    described = lake.execute("select * from lake.profiles.profiles limit 0").description or []
    columns = [column[0] for column in described]
    models: list[str] = []
    if warehouse.relation_exists(lake, "ml.scores"):
        found = lake.execute("select distinct model from lake.ml.scores order by 1").fetchall()
        models = [f"{model}_score" for (model,) in found]
    scores = tuple(name for name in columns if name in models or name in _PERSONA)
    traits = tuple(name for name in rules.traits(columns) if name not in scores)
    purposes = consent_policy.load(settings).purposes
    strict = tuple(
        (name, basis.opt_in_countries)
        for name, basis in sorted(purposes.items())
        if not basis.is_opt_in and basis.opt_in_countries and "country" in columns
    )
    return RecordShape(traits, scores, strict)


def changed_relations(lake: duckdb.DuckDBPyConnection, since: int) -> set[tuple[str, str]] | None:
    """Relations that changed after the snapshot; None if the lake does not know any more."""
    return freshness.changed_since(lake, since)


def is_consent_changed(changed: set[tuple[str, str]]) -> bool:
    """Whether the consent of profiles may be another one."""
    return not _CONSENT.isdisjoint(changed)


def changed_people(
    lake: duckdb.DuckDBPyConnection,
    shape_: RecordShape,
    since: int,
    changed: set[tuple[str, str]],
) -> set[str] | None:
    """Profiles whose rows differ from those of the snapshot; None if that cannot be seen."""
    watched = {
        "profiles.profiles": shape_.columns,
        "segments.segment_memberships": ["profile_id", "segment", "entered_at"],
        "identity.identifier_mapping": ["profile_id", "identifier_type", "identifier"],
        "identity.profile_resolution": ["profile_id", "current_profile_id"],
    }
    people: set[str] = set()
    for relation, columns in watched.items():
        schema, _, table = relation.partition(".")
        if (schema, table) not in changed:
            continue
        names = ", ".join(f'"{name}"' for name in columns)
        key = "current_profile_id" if "current_profile_id" in columns else "profile_id"
        try:
            for sql in _CHANGED_SQL.values():
                rest = sql.format(relation, names, int(since))
                found = lake.execute(
                    f"select distinct {key} from (select {names} from {rest})"
                ).fetchall()
                people.update(one for (one,) in found)
        except (duckdb.CatalogException, duckdb.BinderException):
            # The table was created since, or has other columns now.
            return None
    return people


def take_consents(lake: duckdb.DuckDBPyConnection) -> None:
    """Compute the standings of all profiles once, with the suppressions, for what follows."""
    lake.execute(
        f"create or replace temp table {_CONSENTS} as select profile_id, purpose, channel,"
        " is_refused from lake.marts.profile_standings"
        " where profile_id is not null and (is_refused or is_granted)"
    )
    everywhere: set[str] | None = None
    for channel in (one for one in CHANNELS if one != "any"):
        people = suppressed.read(lake, (channel,)).people
        _suppress(lake, channel, people)
        everywhere = people if everywhere is None else everywhere & people
    _suppress(lake, "any", everywhere or set())


def _suppress(lake: duckdb.DuckDBPyConnection, channel: str, people: set[str]) -> None:
    if people:
        lake.execute(
            f"insert into {_CONSENTS} select people.profile_id, purposes.purpose, ?, true"
            " from (select unnest(?::varchar[]) as profile_id) as people"
            " cross join (values ('marketing'), ('advertising'), ('personalization'))"
            " as purposes (purpose)",
            [channel, sorted(people)],
        )


def consents(lake: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, dict[str, str]]]:
    """Each profile with its standings, ``purpose/channel`` to granted or refused."""
    cursor = lake.execute(_consent_sql())
    while rows := cursor.fetchmany(CHUNK):
        yield from (
            (profile_id, _consent(refused, granted)) for profile_id, refused, granted in rows
        )


def _consent_sql() -> str:
    use = "list(distinct purpose || '/' || channel)"
    return (
        f"select profile_id, {use} filter (where is_refused) as refused,"
        f" {use} filter (where not is_refused) as granted from {_CONSENTS} group by profile_id"
    )


def _consent(refused: Sequence[str] | None, granted: Sequence[str] | None) -> dict[str, str]:
    """A refusal of any source wins."""
    return {**dict.fromkeys(granted or (), GRANTED), **dict.fromkeys(refused or (), REFUSED)}


def records(
    lake: duckdb.DuckDBPyConnection,
    shape_: RecordShape,
    version: Version,
    people: Sequence[str] | None,
) -> Iterator[list[ProfileRecord]]:
    """Records of these profiles, or of all, in chunks; profiles that there are no more are left
    out. Call ``take_consents`` first.
    """
    if people is not None:
        lake.execute(
            f"create or replace temp table {_PEOPLE} as select unnest(?::varchar[]) as profile_id",
            [list(people)],
        )
    cursor = lake.execute(_records_sql(shape_, is_all=people is None))
    while rows := cursor.fetchmany(CHUNK):
        yield [_record(shape_, version, row) for row in rows]


def _records_sql(shape_: RecordShape, *, is_all: bool) -> str:
    chosen = "" if is_all else f"semi join {_PEOPLE} using (profile_id)"
    country = "people.country" if shape_.strict else "null"
    former = (
        "union all select 'profile_id', profile_id, current_profile_id"
        " from lake.identity.profile_resolution where profile_id <> current_profile_id"
    )
    return f"""
with people as (select * from lake.profiles.profiles {chosen}),
consented as ({_consent_sql()}),
memberships as (
    select profile_id, list((segment, entered_at)) as segments
    from lake.segments.segment_memberships {chosen} group by profile_id
),
named as (
    select identifier_type, identifier, profile_id from lake.identity.identifier_mapping {former}
),
identified as (
    select profile_id, list((identifier_type, identifier)) as identifiers
    from named {chosen} group by profile_id
)
select people.profile_id, {_struct(shape_.traits)}, {_struct(shape_.scores)},
    memberships.segments, identified.identifiers, consented.refused, consented.granted, {country}
from people
left join memberships using (profile_id)
left join identified using (profile_id)
left join consented using (profile_id)
"""


def _struct(columns: Sequence[str]) -> str:
    packed = ", ".join(f'"{name}" := people."{name}"' for name in columns)
    return f"struct_pack({packed})" if packed else "null"


def _record(shape_: RecordShape, version: Version, row: Sequence[Any]) -> ProfileRecord:
    profile_id, traits, scores, segments, identifiers, refused, granted, country = row
    return ProfileRecord(
        profile_id,
        version,
        _present(traits),
        dict(segments or ()),
        _present(scores),
        _consent(refused, granted),
        [name for name, countries in shape_.strict if country in countries],
        identifiers or (),
    )


def _present(values: dict[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (values or {}).items() if value is not None}
