"""The views of consent over tables that a test makes by hand: the project's SQL, without dbt."""

from __future__ import annotations

import duckdb

from segmentry import waiting
from tests.dbt_sql import Project

REACH = (
    "decision_id varchar, identifier_type varchar, identifier varchar, profile_id varchar,"
    " reached_by varchar, purpose varchar, channel varchar, decided_at timestamp, left_at timestamp"
)
# What the views read of identity.
IDENTITY = {
    "identifier_mapping": "identifier_type varchar, identifier varchar, profile_id varchar",
    "profile_resolution": "profile_id varchar, current_profile_id varchar",
    "traits": "profile_id varchar, email varchar, phone varchar",
    "refused_links": "rule varchar, reason varchar, left_type varchar, left_identifier varchar,"
    " right_type varchar, right_identifier varchar",
    "policy_links": "rule varchar, is_ownership boolean",
}
HOMES = (
    "identifier_type varchar, identifier varchar, home varchar, began_at timestamp, ended_at"
    " timestamp, latest_at timestamp, counts_until timestamp, is_current boolean"
)
VIEWS = (
    "waiting_reach",
    "restricted_profiles",
    "consent_standings",
    "profile_standings",
    "address_standings",
)


def create(lake: duckdb.DuckDBPyConnection) -> None:
    """Create the views over marts.consents, and what else they read, empty, where it is
    missing.
    """
    project = Project(lake, ("portable", "staging", "identity", "marts"))
    project.use_database("lake")
    lake.execute(f"create table if not exists lake.marts.consent_reach ({REACH})")
    lake.execute(f"create table if not exists lake.marts.identifier_homes ({HOMES})")
    lake.execute("create schema if not exists lake.identity")
    lake.execute("create schema if not exists lake.activation")
    for name, columns in IDENTITY.items():
        lake.execute(f"create table if not exists lake.identity.{name} ({columns})")
    waiting.ensure(lake)
    for name in VIEWS:
        lake.execute(
            f"create or replace view lake.marts.{name} as {project.render(f'marts/{name}')}"
        )
