"""A run that resolves only what has changed, through dbt on a lake: it gives what a run from the
beginning gives.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from identity import resolution
from segmentry import freshness, warehouse
from segmentry.settings import ROOT, Settings
from tests.identity.lake import Lake, groups

pytestmark = pytest.mark.slow

TABLES = {
    # A claim is kept as often as runs have heard it.
    "identifier_claims": (
        "source, rule, left_type, left_value, right_type, right_value, country, min((first_seen_at,"
        " record_id)) as first, max(last_seen_at) as last_seen_at, sum(records) as records"
    ),
    "identifier_values": "*",
    "person_statements": "*",
    "identifiers": "* exclude (node)",
    "identifier_links": "* exclude (left_node, right_node)",
    "refused_links": "*",
    "profile_ids": "*",
    "profile_resolution": "profile_id, current_profile_id",
    "identifier_mapping": "*",
    "id_mapping_scd": "*",
    "merge_events": "*",
    "trait_provenance": "*",
    "traits": "*",
}


def contents(lake: Lake) -> dict[str, list[dict[str, Any]]]:
    """All content of identity, but for the numbers that mean nothing."""
    return {
        name: lake.rows(
            f"select {columns} from identity.{name} {'group by all' if 'sum(' in columns else ''}"
            " order by all"
        )
        for name, columns in TABLES.items()
    }


def land_first(lake: Lake) -> None:
    """What is known on the first day; resolved."""
    lake.event("phone", "u1", day=1)
    lake.event("kiosk", "u9", day=1)
    lake.add(
        "stg_crm_contacts__contacts",
        {"contact_id": "k1", "user_id": "u1", "email": "typo@example.com", "day": 2},
        {
            "contact_id": "k2",
            "email": "bob@example.com",
            "phone": "030 901820",
            "country": "DE",
            "first_name": "Bob",
            "day": 2,
        },
    )
    lake.resolve()


def land_more(lake: Lake) -> None:
    """A log-in, an alias and a corrected contact."""
    lake.event("laptop", "u1", day=3)
    lake.event(None, "u3", type="alias", previous_id="phone", day=4)
    with warehouse.connect(lake.settings) as connection:
        connection.execute(
            "delete from lake.staging.stg_crm_contacts__contacts where contact_id = 'k1'"
        )
    lake.add(
        "stg_crm_contacts__contacts",
        {"contact_id": "k1", "user_id": "u1", "email": "ann@example.com", "day": 5},
    )


def test_what_has_changed_alone_gives_what_a_full_rebuild_gives_and_what_a_killed_run_ends_in(
    home: Settings, tmp_path: Path
) -> None:
    lake = Lake(home)
    with warehouse.connect(home) as connection:
        connection.execute("create table lake.identity.region as select 1 as node")
    land_first(lake)
    assert (
        lake.rows(
            "select 1 from duckdb_tables() where table_name = 'region' and database_name = 'lake'"
        )
        == []
    )
    bystander = lake.profile_of("crm_id:k2")
    land_more(lake)
    killed = copied(home, tmp_path / "killed")
    since = freshness.snapshot(home)
    lake.resolve()
    partial = contents(lake)
    decided = (
        f"ducklake_table_insertions('lake', 'identity', 'identifier_groups', {since + 1},"
        f" {freshness.snapshot(home)})"
    )
    assert lake.rows(f"select count(*) as n from {decided}") == [{"n": 6}], (
        "it looked at more than what changed"
    )
    assert (
        groups(
            {"user_id:u1", "crm_id:k1", "email:ann@example.com", "cookie:laptop"},
            {"user_id:u3"},
            {"cookie:phone"},  # u1 was logged in there too
        )
        < lake.groups()
    )
    assert lake.profile_of("crm_id:k2") == bystander
    assert resolution.begin(home) is True, "the last run ended"
    assert resolution.begin(home) is False, "the last run did not end"
    lake.resolve(full_refresh=True)
    assert contents(lake) == partial
    for commits in (5, 12):
        kill_after(killed.settings, commits)
        assert contents(killed) != partial
    killed.resolve()
    assert contents(killed) == partial
    left = killed.rows(
        "select table_name from information_schema.tables where table_name like '%@_@_dbt@_%'"
        " escape '@'"
    )
    assert left == [], "the killed runs left something behind"


def copied(settings: Settings, home: Path) -> Lake:
    """The lake as it is now, in a home of its own."""
    (home / "lake").mkdir(parents=True)
    shutil.copytree(settings.lake_data, home / "lake" / "data")
    with (
        closing(sqlite3.connect(settings.catalog.partition(":")[2])) as original,
        closing(sqlite3.connect(home / "lake" / "catalog.sqlite")) as other,
    ):
        original.backup(other)
        other.execute(
            "update ducklake_metadata set value = ? where key = 'data_path'", [f"{home}/lake/data/"]
        )
        other.commit()
    found = object.__new__(Lake)
    found.settings = Settings.from_environment({"SEGMENTRY_HOME": str(home)})
    return found


def kill_after(settings: Settings, commits: int) -> None:
    """Run the stage in a process of its own and kill it when the catalog has that many snapshots
    more.
    """
    catalog = sqlite3.connect(settings.catalog.partition(":")[2])
    newest = "select max(snapshot_id) from ducklake_snapshot"
    (start,) = catalog.execute(newest).fetchone()
    words = [
        sys.executable,
        "-c",
        "from cli.main import main; main()",
        "run",
        "--no-airflow",
        "--select",
        "identity",
    ]
    environment = {**os.environ, "SEGMENTRY_HOME": str(settings.home), "PYTHONPATH": str(ROOT)}
    with (
        closing(catalog),
        subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL) as run,
    ):
        while run.poll() is None and catalog.execute(newest).fetchone()[0] < start + commits:
            time.sleep(0.002)
        run.kill()
    assert run.returncode == -signal.SIGKILL, "it came to its end before it could be killed"
