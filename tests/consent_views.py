"""The views of consent over tables that a test makes by hand: the project's SQL, without dbt."""

from __future__ import annotations

import duckdb

from tests.dbt_sql import Project

REACH = (
    "decision_id varchar, identifier_type varchar, identifier varchar, profile_id varchar,"
    " reached_by varchar, purpose varchar, channel varchar, decided_at timestamp, left_at timestamp"
)
VIEWS = ("consent_standings", "profile_standings")


def create(lake: duckdb.DuckDBPyConnection) -> None:
    """Create marts.consent_reach, empty, where it is missing, and the views over it and
    marts.consents.
    """
    project = Project(lake, ("portable", "staging", "marts"))
    project.use_database("lake")
    lake.execute(f"create table if not exists lake.marts.consent_reach ({REACH})")
    for name in VIEWS:
        lake.execute(
            f"create or replace view lake.marts.{name} as {project.render(f'marts/{name}')}"
        )
