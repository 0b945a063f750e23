"""The identity models in memory, from claims to mapping: the project's SQL without a lake and
without dbt.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa

from identity.policy import policy_rows, table_columns
from identity.resolution import PARTIAL
from segmentry.configuration import policies
from segmentry.settings import Settings
from tests.dbt_sql import Project

START = datetime(2026, 1, 1)
AS_OF = datetime(2026, 6, 1)


_CLAIMED = """
select source, rule, left_type, left_value, right_type, right_value, country,
    min(seen_at) as first_seen_at,
    max(seen_at) as last_seen_at, min(struct_pack(at := seen_at, record_id := record_id)).record_id
        as record_id,
    count(*) as records
from {statements} group by all
"""
_CHANGED = """
with added as (from stated except from merged), lost as (from merged except from stated)
from added
union all
select lost.* exclude (first_seen_at, last_seen_at, record_id, records), null, null, null, 0
from lost anti join added
    on lost.source = added.source and lost.rule = added.rule and lost.left_type = added.left_type
    and lost.left_value = added.left_value and lost.right_type is not distinct from added.right_type
    and lost.right_value is not distinct from added.right_value
"""
_STAGING = """
create table staging.stg_crm_contacts__contacts (contact_id varchar, first_name varchar,
    last_name varchar, birth_date date, gender varchar, created_at timestamp,
    updated_at timestamp, _batch_id varchar);
create table staging.stg_events__events (user_id varchar, traits varchar, trait_birthday date,
    trait_gender varchar, event_at timestamp, _batch_id varchar)
"""
# The models in the order of dbt, and how each is built.
_MODELS = {
    "statement_changes": "table",
    "person_statements": "append",
    "spelling_changes": "table",
    "identifier_values": "append",
    "refused_identifiers": "append",
    "identifier_changes": "table",
    "identifiers": "append",
    "link_changes": "table",
    "identifier_links": "append",
    "region": "table",
    "region_links": "table",
    "excluded_links": "table",
    "wide_components": "table",
    "described_nodes": "table",
    "refused_pairs": "table",
    "contested_links": "table",
    "dropped_links": "python",
    "restated_refusals": "table",
    "refused_links": "append",
    "group_changes": "table",
    "identifier_groups": "append",
    "mapping_before": "table",
    "restored_homes": "table",
    "profile_homes": "table",
}


@dataclass(frozen=True, order=True)
class Link:
    """One statement: rule, left ``type:identifier``, right one, day on which it was made."""

    rule: str
    left: str
    right: str
    day: int = 0

    @property
    def record_id(self) -> str:
        return f"{self.rule}|{self.left}|{self.right}|{self.day}"


@dataclass
class Memory:
    """One home without a disk."""

    policy: dict[str, Any] = field(
        default_factory=lambda: dict(policies(Settings.from_environment())["identity"])
    )
    connection: duckdb.DuckDBPyConnection = field(default_factory=duckdb.connect)
    batches: list[tuple[str, str, str]] = field(default_factory=list)
    read: int = 0

    def __post_init__(self) -> None:
        self.connection.execute("set threads = 1")
        for schema in ("staging", "identity", "observability"):
            self.connection.execute(f"create schema {schema}")
        self.connection.execute(_STAGING)
        self.connection.execute("create table observability.clock (as_of timestamp)")
        self.connection.execute(
            """create table claims (source varchar, rule varchar, left_type varchar,
            left_value varchar,
            right_type varchar, right_value varchar, country varchar,
            seen_at timestamp, record_id varchar)"""
        )
        self.project = Project(self.connection)
        self.set_policy(self.policy)

    def set_policy(self, policy: dict[str, Any]) -> None:
        """Use these rules from the next run on."""
        self.is_rule_changed = True
        for name, columns in table_columns().items():
            self.connection.execute(f"create table if not exists identity.{name} ({columns})")
        for name, rows in policy_rows(policy).items():
            self.connection.execute(f"delete from identity.{name}")
            if not rows:
                continue
            marks = ", ".join("?" for _ in rows[0])
            self.connection.executemany(f"insert into identity.{name} values ({marks})", rows)

    def cut(self, left: str, right: str) -> None:
        """Separate two identifiers for good."""
        self.is_rule_changed = True
        self.connection.execute(
            "insert into identity.policy_cuts values (?, ?, ?, ?)",
            [*left.split(":", 1), *right.split(":", 1)],
        )

    def review(self, one: str, other: str, verdict: str) -> None:
        """A reviewer's decision on two contacts; an accepted pair is a link too."""
        self.is_rule_changed = True
        self.connection.execute(
            "insert into identity.link_candidates values (?, ?, 1, ?, ?, ?)",
            [one.split(":")[1], other.split(":")[1], START, verdict, START],
        )
        if verdict == "accepted":
            self.add([Link("review", one, other)])

    def add(self, links: Iterable[Link]) -> None:
        """Land statements."""
        rows = [
            {
                "rule": rule, "left_type": left[0], "left_value": left[1], "right_type": right[0],
                "right_value": right[1], "seen_at": START + timedelta(days=link.day),
                "record_id": link.record_id,
            }
            for link in links
            for rule, left, right in _claims(link)
        ]  # fmt: skip
        if rows:
            self.connection.register("fresh_claims", pa.Table.from_pylist(rows))
            self.connection.execute(
                "insert into claims by name select 's' as source, * from fresh_claims"
            )
            self.connection.unregister("fresh_claims")

    def forget(self, links: Iterable[Link]) -> None:
        """Take statements back, as a source does that has corrected a record."""
        for link in links:
            self.connection.execute("delete from claims where record_id = ?", [link.record_id])

    def describe(self, name: str, person: str) -> None:
        """State ``first|last|birth date|gender`` of the person of ``type:identifier``, a contact
        or an account; what was stated of a contact before is replaced.
        """
        kind, value = name.split(":", 1)
        first, last, birth, gender = [*(person.split("|")), "", "", ""][:4]
        run = self.connection.execute
        batch = f"b{len(self.batches)}"
        self.batches.append((kind, value, batch))
        if kind == "user_id":
            traits = json.dumps({"firstName": first, "lastName": last})
            row = [value, traits, birth or None, gender or None, START, batch]
            run("insert into staging.stg_events__events values (?, ?, ?, ?, ?, ?)", row)
            return
        run("delete from staging.stg_crm_contacts__contacts where contact_id = ?", [value])
        row = [value, first, last, birth or None, gender or None, START, START, batch]
        run("insert into staging.stg_crm_contacts__contacts values (?, ?, ?, ?, ?, ?, ?, ?)", row)

    def _new_batches(self) -> str:
        """Batches of descriptions since the last run: rows of claim_batches."""
        of = {"crm_id": "crm_contacts", "user_id": "events"}
        rows = []
        for at, (kind, value, batch) in enumerate(self.batches):
            known = any(one[:2] == (kind, value) for one in self.batches[: self.read])
            if at >= self.read:
                state = "changed" if known and kind == "crm_id" else "new"
                rows.append(f" union all select '{of[kind]}', '{batch}', '{state}'")
        self.read = len(self.batches)
        return "".join(rows)

    def resolve(self, as_of: datetime = AS_OF, *, is_whole: bool = False) -> None:
        """One run of the identity stage: incremental, as in the stage, unless a full one is asked
        for or the rules have changed.
        """
        run = self.connection.execute
        run("delete from observability.clock")
        run("insert into observability.clock values (?)", [as_of])
        self.project.environment = {} if is_whole or self.is_rule_changed else dict(PARTIAL)
        self._hear(is_partial=bool(self.project.environment))
        for name, build in _MODELS.items():
            getattr(self.project, build)(f"identity/{name}")
        self.project.upsert("identity/profile_ids", ["profile_id"])
        self.project.upsert("identity/profile_resolution", ["profile_id"])
        self.project.append("identity/identifier_mapping")
        self.project.upsert("identity/merge_events", ["merge_event_id"])
        self.project.upsert(
            "identity/id_mapping_scd", ["identifier_type", "identifier", "valid_from"]
        )
        self.is_rule_changed = False

    def _hear(self, *, is_partial: bool) -> None:
        """What claim_batches, claim_changes and identifier_claims do: more is added, corrections
        are looked up.
        """
        run = self.connection.execute
        as_of = "(select as_of from observability.clock)"
        run(f"create or replace temp table audible as from claims where seen_at < {as_of}")
        run("create table if not exists heard as from claims limit 0")
        is_restated = bool(
            run("select 1 from (from heard except all from audible) limit 1").fetchall()
        )
        state = "changed" if is_restated else "new"
        batch = f"select 's' as source, 'b' as _batch_id, '{state}' as state"
        batch += self._new_batches()
        run(f"create or replace table identity.claim_batches as {batch}")
        run("create or replace temp table stated as " + _CLAIMED.format(statements="audible"))
        if not is_partial:
            run("create or replace table identity.identifier_claims as from stated")
            run("create or replace table identity.claim_changes as from stated limit 0")
        elif is_restated:
            merged = self.project.call("merged_claims", "from identity.identifier_claims")
            run(f"create or replace temp table merged as {merged}")
            run(f"create or replace table identity.claim_changes as {_CHANGED}")
            run(
                "delete from identity.identifier_claims as existing where"
                f" {self.project.call('same_claim')}"
            )
            run(
                "insert into identity.identifier_claims from identity.claim_changes where"
                " records > 0"
            )
        else:
            more = _CLAIMED.format(statements="(from audible except all from heard) as more")
            run(f"create or replace table identity.claim_changes as {more}")
            run("insert into identity.identifier_claims from identity.claim_changes")
        run("create or replace table heard as from audible")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        return self.connection.execute(sql).fetchall()

    def mapping(self) -> dict[str, str]:
        """``type:identifier`` to profile_id."""
        return dict(
            self.rows(
                "select identifier_type || ':' || identifier, profile_id from"
                " identity.identifier_mapping"
            )
        )

    def groups(self) -> set[frozenset[str]]:
        """Who is one person."""
        found: dict[str, set[str]] = {}
        for name, profile in self.mapping().items():
            found.setdefault(profile, set()).add(name)
        return {frozenset(members) for members in found.values()}

    def refused(self) -> dict[frozenset[str], str]:
        """The two ends of refused links, with the reasons of all rules that had linked them."""
        rows = self.rows(
            """select left_type || ':' || left_identifier, right_type || ':' || right_identifier,
                string_agg(distinct reason, ', ' order by reason)
            from identity.refused_links group by all"""
        )
        return {frozenset(row[:2]): row[2] for row in rows}

    def resolution(self) -> dict[str, str]:
        """Every profile_id ever given to the current one of its profile."""
        return dict(
            self.rows("select profile_id, current_profile_id from identity.profile_resolution")
        )


def _claims(link: Link) -> Iterable[tuple[str, Sequence[str | None], Sequence[str | None]]]:
    ends = [end.split(":", 1) for end in (link.left, link.right) if end]
    yield from (("seen", end, (None, None)) for end in ends)
    if len(ends) == 2:
        yield link.rule, ends[0], ends[1]


def resolved(links: Sequence[Link], people: Mapping[str, str] | None = None, **more: Any) -> Memory:
    """A home in which these links were landed and resolved once; people: as for `describe`."""
    memory = Memory(**more)
    memory.add(links)
    for name, person in (people or {}).items():
        memory.describe(name, person)
    memory.resolve()
    return memory


def groups(*members: Iterable[str]) -> set[frozenset[str]]:
    """Expected groups."""
    return {frozenset(group) for group in members}
