"""A lake that the real-time store is fed from, and what the store should have."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from live.store.base import ProfileStore
from segmentry import waiting, warehouse
from segmentry.settings import ROOT, Settings

AT = datetime(2026, 3, 1, 8)
TABLES = {
    "profiles.profiles": (
        "profile_id varchar, country varchar, email varchar, orders_30d bigint,"
        " first_seen_at timestamp, churn_score double, persona varchar, secret_note varchar"
    ),
    "segments.segment_memberships": (
        "segment varchar, profile_id varchar, entered_at timestamp, definition_version varchar"
    ),
    "identity.identifier_mapping": (
        "identifier_type varchar, identifier varchar, profile_id varchar"
    ),
    "identity.profile_resolution": "profile_id varchar, current_profile_id varchar",
    "ml.scores": "profile_id varchar, model varchar, score double",
    "marts.consents": (
        "profile_id varchar, purpose varchar, channel varchar, is_refused boolean,"
        " is_granted boolean"
    ),
    "observability.clock": "as_of timestamp",
    "activation.suppressions": (
        "identifier_type varchar, identifier varchar, channel varchar, reason varchar,"
        " suppressed_at timestamp"
    ),
    waiting.TABLE: waiting.COLUMNS,
}
# As the models of these names do, in short: decisions, and refusals that no stage has read yet.
VIEWS = {
    "marts.waiting_reach": (
        "select m.profile_id, w.purpose, w.channel from lake.activation.waiting_refusals as w"
        " inner join lake.identity.identifier_mapping as m"
        " using (identifier_type, identifier)"
    ),
    "marts.profile_standings": (
        "select profile_id, purpose, channel, bool_or(is_refused) as is_refused,"
        " bool_or(is_granted) and not bool_or(is_refused) as is_granted from ("
        "select * from lake.marts.consents union all"
        " select profile_id, purpose, channel, true, false from lake.marts.waiting_reach)"
        " group by all"
    ),
}
CONFIG = """
store: {traits: [orders_*, first_seen_at, country]}
tokens: []
time_limit: 1
refused_per_minute: 60
"""


def home(place: Path, people: int = 6) -> Settings:
    """A home with so many people: p0 and on, each with an address and a membership."""
    settings = Settings.from_environment({"SEGMENTRY_HOME": str(place / "home")})
    config = place / "config"
    config.mkdir()
    (config / "policies.yml").write_text((ROOT / "config/policies.yml").read_text("utf-8"))
    (config / "api.yml").write_text(CONFIG)
    settings = replace(settings, config=config)
    warehouse.prepare(settings)
    with warehouse.connect(settings) as lake:
        lake.execute("begin")
        for name, columns in TABLES.items():
            lake.execute(f"create table lake.{name} ({columns})")
        for name, sql in VIEWS.items():
            lake.execute(f"create view lake.{name} as {sql}")
        lake.execute("insert into lake.ml.scores values ('p0', 'churn', 0.5)")
        lake.execute(f"insert into lake.observability.clock values ('{AT}')")
        for n in range(people):
            add_person(lake, f"p{n}", n)
        lake.execute("commit")
    return settings


def add_person(lake: Any, name: str, number: int) -> None:
    lake.execute(
        "insert into lake.profiles.profiles values (?, 'DE', ?, ?, ?, ?, 'Regular', 'private')",
        [name, f"{name}@shop.example", number, AT, number / 10],
    )
    lake.execute(
        "insert into lake.identity.identifier_mapping values ('email', ?, ?), ('cookie', ?, ?)",
        [f"{name}@shop.example", name, f"c-{name}-x", name],
    )
    lake.execute(
        "insert into lake.segments.segment_memberships values (?, ?, ?, '1')",
        ["even" if number % 2 == 0 else "odd", name, AT],
    )
    lake.execute(
        "insert into lake.marts.consents values (?, 'marketing', 'email', false, true)", [name]
    )


def run(settings: Settings, *statements: str) -> None:
    """Statements of one commit."""
    with warehouse.connect(settings) as lake:
        lake.execute("begin")
        for statement in statements:
            lake.execute(statement)
        lake.execute("commit")


def differences(settings: Settings, store: ProfileStore) -> list[str]:
    """Where the store is not what the lake states, read profile by profile and row by row."""
    with warehouse.connect(settings, read_only=True) as lake:
        people = {row["profile_id"]: row for row in warehouse.records(lake, _PEOPLE)}
        memberships = _by_profile(lake, _MEMBERSHIPS)
        consents = _by_profile(lake, _CONSENTS)
        named = _by_profile(lake, _NAMED)
    found = []
    for name in people:
        (item,) = store.find_many([("profile_id", name)])
        if item is None:
            found.append(f"{name} is missing")
            continue
        segments = {
            segment: f"{at.isoformat(timespec='seconds')}Z"
            for segment, at in memberships.get(name, ())
        }
        if item.segments != segments:
            found.append(f"{name} has segments {item.segments}")
        consent = {
            use: "refused" if refused else "granted" for use, refused in consents.get(name, ())
        }
        if item.consent != consent:
            found.append(f"{name} has consent {item.consent}")
        owners = store.find_many(named.get(name, []))
        if any(owner is None or owner.profile_id != name for owner in owners):
            found.append(f"{name} is not found by all identifiers")
    extra = {name for name, _ in store.consents()} - people.keys()
    return [*found, *(f"{name} is there" for name in sorted(extra))]


def _by_profile(lake: Any, sql: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for profile_id, *rest in lake.execute(sql).fetchall():
        found.setdefault(profile_id, []).append(tuple(rest))
    return found


def names(found: Iterable[Any]) -> list[str | None]:
    return [item and item.profile_id for item in found]


_PEOPLE = "select profile_id from profiles.profiles"
_MEMBERSHIPS = "select profile_id, segment, entered_at from segments.segment_memberships"
_CONSENTS = (
    "select profile_id, purpose || '/' || channel, is_refused from marts.profile_standings"
    " where is_refused or is_granted"
)
_NAMED = "select profile_id, identifier_type, identifier from identity.identifier_mapping"
