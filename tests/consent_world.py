"""The way from landed records to audiences in memory: the project's SQL for staging, identity,
consent, candidates.

A lake takes seconds per run, this takes one for a thousand people. `lake` is a DuckDB database in
memory of that name, so that the sync engine runs on it too.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import jinja2
import pyarrow as pa
import yaml

from activation import generate
from activation.published import COLUMNS
from identity.policy import policy_rows, table_columns
from segmentry import identifiers
from segmentry.configuration import policies
from segmentry.settings import ROOT, Settings
from tests.dbt_sql import Project

START = datetime(2026, 1, 1)
FOLDERS = ("portable", "staging", "identity", "marts", "features", "audiences")
SOURCES = (
    "consents", "crm_contacts", "email_events", "events", "online_retail", "orders",
    "subscriptions", "support_tickets",
    "surveys",
)  # fmt: skip
# What records of each source may become; built once where nothing of the source is landed.
STAGED = {
    "consents": "stg_consents__consents",
    "crm_contacts": "stg_crm_contacts__contacts",
    "email_events": "stg_email_events__email_events",
    "events": "stg_events__events",
    "online_retail": "stg_online_retail__lines stg_online_retail__orders",
    "orders": "stg_orders__orders",
    "subscriptions": "stg_subscriptions__changes",
    "support_tickets": "stg_support_tickets__tickets",
    "surveys": "stg_surveys__responses",
}
RAW = (
    "(_source varchar, _file varchar, _line bigint, _loaded_at timestamp, _batch_id varchar, _raw"
    " varchar, _problem varchar)"
)
# Models of identity in dbt's order with the way each is built: in full, as in a full rebuild.
IDENTITY = (
    "claim_changes statement_changes person_statements+ spelling_changes identifier_values+"
    " refused_identifiers+ identifier_changes"
    " identifiers+ link_changes identifier_links+ region region_links excluded_links"
    " wide_components described_nodes refused_pairs contested_links dropped_links!"
    " restated_refusals"
    " refused_links+ group_changes identifier_groups+ mapping_before restored_homes"
    " profile_homes profile_ids=profile_id"
    " profile_resolution=profile_id identifier_mapping+ merge_events=merge_event_id"
    " id_mapping_scd=identifier_type,identifier,valid_from"
)
CONSENT = (
    "consent_answers! quarantined_refusals consent_decisions consent_matches consents"
    " identifier_homes consent_reach waiting_reach restricted_profiles consent_standings"
    " profile_standings address_standings"
)


class World:
    """One home without a disk. Every day: land records, then run what a run would, or part of
    it.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.connection = duckdb.connect()
        self.run = self.connection.execute
        self.run("set threads = 1; set TimeZone = 'UTC'; attach ':memory:' as lake; use lake")
        identifiers.register(self.connection)
        for schema in ("raw", "staging", "identity", "marts", "profiles", "segments", "audiences",
        "activation",
                       "observability"):  # fmt: skip
            self.run(f"create schema {schema}")
        self.run("create table observability.clock (as_of timestamp)")
        for source in SOURCES:
            self.run(f"create table raw.{source} {RAW}")
        for name, columns in COLUMNS.items():
            self.run(f"create table activation.{name} ({columns})")
        self.project = Project(self.connection, FOLDERS, jinja2.Undefined)
        self.project.target.database = "lake"
        self._write_policy()
        self._known: set[str] = set()
        self.batch = 0

    def _write_policy(self) -> None:
        for name, columns in table_columns().items():
            self.run(f"create table if not exists identity.{name} ({columns})")
        for name, rows in policy_rows(policies(self.settings)["identity"]).items():
            if rows:
                marks = ", ".join("?" for _ in rows[0])
                self.connection.executemany(f"insert into identity.{name} values ({marks})", rows)

    def land(self, records: Mapping[str, Iterable[Mapping[str, Any]]], loaded_at: datetime) -> None:
        """Land records of sources verbatim, as one batch each."""
        self.batch += 1
        for source, found in records.items():
            raws = [json.dumps(record) for record in found]
            if not raws:
                continue
            lines = pa.table({"line": range(1, len(raws) + 1), "text": raws})
            self.connection.register("landing", lines)
            self.run(
                f"insert into raw.{source} select ?, ?, line, ?, ?, text, null from landing",
                [source, f"{self.batch}", loaded_at, f"{source}{self.batch}"],
            )
            self.connection.unregister("landing")

    def stage(self) -> None:
        """What the stage staging does."""
        for source, models in STAGED.items():
            is_known = source in self._known
            (count,) = self.run(f"select count(*) from raw.{source}").fetchone() or (0,)
            if is_known and not count:
                continue
            self._known.add(source)
            if is_known:
                # By place: some base models give a column twice, which dbt's own insert does not
                # mind.
                fresh = self.project.render(f"staging/base_{source}", incremental=True)
                self.run(f"insert into staging.base_{source} {fresh}")
            else:
                self.project.table(f"staging/base_{source}")
            for model in models.split():
                self.project.table(f"staging/{model}")

    def resolve(self, as_of: datetime) -> None:
        """What the stages clock and identity do."""
        self.run("delete from observability.clock")
        self.run("insert into observability.clock values (?)", [as_of])
        sources = [*SOURCES, "reviews"]
        for source in sources:
            self.project.table(f"identity/claims__{source}")
        self.project.append("identity/identifier_claims")
        self._build("identity", IDENTITY)

    def decide(self) -> None:
        """What is brought up to date of consent, in a run and after a gate that failed."""
        self.run(f"create or replace table identity.traits as {_TRAITS}")
        self._build("marts", CONSENT)

    def build_standings(self) -> None:
        """Build the views over the current relations of consent: here they are tables."""
        standings = "consent_standings profile_standings address_standings"
        self._build("marts", f"waiting_reach restricted_profiles {standings}")

    def publish(self) -> None:
        """Profiles with their addresses, all in one segment, and the audiences of the
        configured syncs.
        """
        self.run("create or replace table marts.messages as select null as profile_id,"
                 " null as event_type,"
                 " null::timestamp as occurred_at where false")  # fmt: skip
        self.run(
            "create or replace table profiles.profiles as"
            f" select *, 'X' as first_name, 'DE' as country from ({_TRAITS})"
        )
        self.run(
            "create or replace table segments.segment_memberships as select 'all' as segment,"
            " profile_id, timestamp '2026-01-01' as entered_at,"
            " '1' as definition_version from profiles.profiles"
        )
        self.run("create or replace table segments.membership_history as select *,"
                 " null::timestamp as left_at"
                 " from segments.segment_memberships")  # fmt: skip
        texts = generate.texts(self.settings)
        names = ["suppressed_contacts", "candidates"]
        names += [name[:-4] for name in texts if name.startswith("aud_") and name.endswith(".sql")]
        for name in names:
            self.project.place("audiences", name)
            self.run(
                f"create or replace table audiences.{name} as"
                f" {self.project.compiled(texts[f'{name}.sql'])}"
            )

    def _build(self, layer: str, models: str) -> None:
        for word in models.split():
            name, _, key = word.partition("=")
            model = f"{layer}/{name.rstrip('+!')}"
            if key:
                self.project.upsert(model, key.split(","))
            elif name.endswith("!"):
                self.project.python(model)
            elif name.endswith("+"):
                self.project.append(model)
            else:
                self.project.table(model)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        return self.run(sql).fetchall()


_TRAITS = """
select
    profile_id,
    max_by(identifier, (last_seen_at, identifier)) filter (where identifier_type = 'email')
        as email,
    max_by(identifier, (last_seen_at, identifier)) filter (where identifier_type = 'phone')
        as phone
from identity.identifier_mapping
group by profile_id
"""


def day(number: float) -> datetime:
    """A time, in days after the start."""
    return START + timedelta(days=number)


def text(at: datetime) -> str:
    """A time as records write it."""
    return at.isoformat() + "Z"


def contact(key: str, at: float, **content: Any) -> dict[str, Any]:
    """A state of a contact."""
    return {
        "contact_id": key,
        "created_at": text(START),
        "updated_at": text(day(at)),
        "country": "DE",
        **content,
    }


def consent(
    key: str, kind: str, value: str, status: str, at: float, **content: Any
) -> dict[str, Any]:
    """A decision on marketing by e-mail, unless the content states another."""
    return {
        "consent_id": key, "identifier_type": kind, "identifier": value, "purpose": "marketing",
        "channel": "email",
        "status": status, "jurisdiction": "DE", "occurred_at": text(day(at)), "source": "form",
        **content,
    }  # fmt: skip


def unsubscribe(key: str, email: str, at: float, kind: str = "unsubscribe") -> dict[str, Any]:
    """An event of a mailing tool."""
    return {"event_id": key, "event_type": kind, "email": email, "occurred_at": text(day(at))}


def order(key: str, at: float, **content: Any) -> dict[str, Any]:
    """An order, which links what it names."""
    return {
        "order_id": key, "ordered_at": text(day(at)), "updated_at": text(day(at)),
        "status": "completed",
        "is_guest": False, "currency": "EUR", "subtotal": "20", "total": "20", "refunded": "0",
        "items": "[]",
        **content,
    }  # fmt: skip


def at_noon(number: int) -> datetime:
    """When a day's records land: some hours after all of them were made."""
    return day(number + 0.5)


SYNCS = {"letters": ("marketing", "email", "email"), "texts": ("marketing", "sms", "phone")}


def configured(settings: Settings, folder: Path) -> Settings:
    """Settings with two syncs over all profiles: letters by e-mail, texts by SMS."""
    (folder / "syncs").mkdir(parents=True)
    shutil.copyfile(ROOT / "config" / "policies.yml", folder / "policies.yml")
    for name, (purpose, channel, address) in SYNCS.items():
        content = {
            "name": name, "description": "People of a test.", "owner": "tests",
            "destination": "files",
            "audience": {"segments": "all"}, "purpose": purpose, "channel": channel,
            "address": address,
            "key": address, "columns": {address: {"from": address},
            "first_name": {"from": "first_name"}},
        }  # fmt: skip
        (folder / "syncs" / f"{name}.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return replace(settings, config=folder)
