"""A lake made by hand, with the relations that activation reads, and a dbt project cut down to the
audiences.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from segmentry import warehouse
from segmentry.settings import ROOT, Settings
from tests import consent_views

AS_OF = datetime(2026, 6, 1)

TABLES = {
    "observability.clock": "as_of timestamp, is_given boolean",
    "profiles.profiles": (
        "profile_id varchar, email varchar, phone varchar, user_id varchar, first_name varchar, "
        "last_name varchar, country varchar, orders_90d bigint"
    ),
    "segments.segment_memberships": (
        "segment varchar, profile_id varchar, entered_at timestamp, definition_version varchar"
    ),
    "segments.membership_history": (
        "segment varchar, profile_id varchar, entered_at timestamp, left_at timestamp, "
        "definition_version varchar"
    ),
    "marts.consents": (
        "profile_id varchar, identifier_type varchar, identifier varchar, purpose varchar, channel"
        " varchar, status varchar, jurisdiction varchar, decided_at timestamp, source varchar,"
        " record_id varchar, match varchar, decision_id varchar"
    ),
    "marts.messages": (
        "message_id varchar, profile_id varchar, channel varchar, event_type varchar, "
        "occurred_at timestamp"
    ),
    "identity.identifier_mapping": (
        "identifier_type varchar, identifier varchar, profile_id varchar"
    ),
    "identity.profile_resolution": "profile_id varchar, current_profile_id varchar",
    "marts.consent_matches": (
        "identifier_type varchar, identifier varchar, meant_type varchar, meant varchar"
    ),
    "marts.identifier_homes": (
        "identifier_type varchar, identifier varchar, home varchar, began_at timestamp, "
        "ended_at timestamp, latest_at timestamp, counts_until timestamp, is_current boolean"
    ),
}


class Shop:
    """The lake and its configuration; every method leaves it consistent."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.folder = folder
        config = folder / "config"
        (config / "syncs").mkdir(parents=True)
        shutil.copyfile(ROOT / "config" / "policies.yml", config / "policies.yml")
        self.settings = replace(settings, config=config, dbt_project=_project(folder))
        with warehouse.connect(self.settings) as lake:
            lake.execute("begin")
            for name, columns in TABLES.items():
                lake.execute(f"create table lake.{name} ({columns})")
            lake.execute("insert into lake.observability.clock values (?, true)", [AS_OF])
            consent_views.create(lake)
            lake.execute("commit")

    def sync(self, name: str, **content: Any) -> None:
        """Write config/syncs/<name>.yml over a marketing e-mail sync into files."""
        merged = {
            "name": name,
            "description": "A sync that a test made.",
            "owner": "tests",
            "destination": "files",
            "audience": {"segments": "all"},
            "purpose": "marketing",
            "channel": "email",
            "address": "email",
            "key": "email",
            "columns": {"email": {"from": "email"}, "first_name": {"from": "first_name"}},
            **content,
        }
        kept = {key: value for key, value in merged.items() if value is not None}
        path = self.settings.config / "syncs" / f"{name}.yml"
        path.write_text(yaml.safe_dump(kept, sort_keys=False), encoding="utf-8")

    def put(self, relation: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append rows given as mappings; columns left out are NULL."""
        names = [part.split()[0] for part in TABLES[relation].split(", ")]
        places = ", ".join(f"({', '.join('?' * len(names))})" for _ in rows)
        for row in rows:
            assert set(row) <= set(names), set(row) - set(names)
        with warehouse.connect(self.settings) as lake:
            values = [row.get(name) for row in rows for name in names]
            lake.execute(f"insert into lake.{relation} values {places}", values)

    def run(self, sql: str) -> None:
        """Change the lake."""
        with warehouse.connect(self.settings) as lake:
            lake.execute(sql)

    def clear_breakers(self) -> None:
        """As if a minute had passed since an account was left alone."""
        import sqlite3

        with sqlite3.connect(self.settings.home / "ledger.sqlite") as ledger:
            ledger.execute("update accounts set open_until = 0, failures = 0")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Read the lake."""
        with warehouse.connect(self.settings, read_only=True) as lake:
            return lake.execute(sql).fetchall()

    def people(self, *names: str, segment: str = "loyal", consent: bool = True) -> None:
        """People p_<name> with an address each, in a segment, with consent."""
        self.put("profiles.profiles", [_person(name) for name in names])
        self.put("segments.segment_memberships", [_member(name, segment) for name in names])
        if consent:
            self.put("marts.consents", [decision(name) for name in names])


def decision(
    name: str, status: str = "granted", at: str = "2026-01-01", **content: Any
) -> dict[str, Any]:
    """A decision on the address of the person p_<name>."""
    return {
        "profile_id": f"p_{name}",
        "identifier_type": "email",
        "identifier": f"{name}@example.com",
        "purpose": "marketing",
        "channel": "email",
        "status": status,
        "decided_at": datetime.fromisoformat(at),
        **content,
    }


def _person(name: str) -> dict[str, Any]:
    return {
        "profile_id": f"p_{name}",
        "email": f"{name}@example.com",
        "first_name": name.title(),
        "country": "GB",
    }


def _member(name: str, segment: str) -> dict[str, Any]:
    return {
        "segment": segment,
        "profile_id": f"p_{name}",
        "entered_at": datetime(2026, 5, 1),
        "definition_version": "1",
    }


def _project(folder: Path) -> Path:
    project = folder / "dbt_project"
    shutil.copytree(ROOT / "dbt_project" / "macros", project / "macros")
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copyfile(ROOT / "dbt_project" / name, project / name)
    for name in ("observability/_sources.yml", "audiences/_sources.yml"):
        _copy(project, name)
    for relation in (*TABLES, *(f"marts.{view}" for view in consent_views.VIEWS)):
        schema, _, name = relation.partition(".")
        if schema != "observability":
            _stub(project / "models" / schema / f"{name}.sql", name)
    for segment in ("loyal", "vip"):
        _stub(project / "models" / "segments" / f"{segment}.sql", segment)
    return project


def _copy(project: Path, name: str) -> None:
    target = project / "models" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / "dbt_project" / "models" / name, target)


def _stub(path: Path, name: str) -> None:
    # The place of a model of another package: audiences refer to it, and the test makes its table
    # by hand.
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"select 1 as {name}\n", encoding="utf-8")
