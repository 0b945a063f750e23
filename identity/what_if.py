"""Tries other rules on a copy of the lake and compares what comes out; the lake itself is only
read.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from segmentry import configuration, warehouse
from segmentry.errors import SegmentryError, UsageError
from segmentry.settings import Settings

# What lies between identity and segments is repeated only where there are segments to compare.
_SEGMENT_STAGES = ("marts", "features", "profiles", "segments", "memberships", "audiences")
_PROFILES = """
with pairs as (
    select distinct before.profile_id as was, after.profile_id as becomes
    from before.identity.identifier_mapping as before
    inner join after.identity.identifier_mapping as after using (identifier_type, identifier)
)
select
    (select count(distinct profile_id) from before.identity.identifier_mapping) as profiles_now,
    (select count(distinct profile_id) from after.identity.identifier_mapping) as profiles_then,
    (select count(*) from (select was from pairs group by was having count(*) > 1)) as would_split,
    (select count(*) from (select becomes from pairs group by becomes having count(*) > 1))
        as would_merge,
    (select count(*) from after.identity.refused_links) as links_refused_then
"""
_SEGMENTS = """
select
    segment,
    count(before.profile_id) as members_now,
    count(after.profile_id) as members_then,
    count(after.profile_id) filter (before.profile_id is null) as gained,
    count(before.profile_id) filter (after.profile_id is null) as lost
from before.segments.segment_memberships as before
full join after.segments.segment_memberships as after using (segment, profile_id)
group by segment
order by segment
"""


def compare(settings: Settings, policies: Path, remark: Callable[[str], None]) -> dict[str, Any]:
    """What the rules in ``policies`` would change: ``profiles``, ``segments``, ``destinations``.

    remark: called with each line that an operator should read before the answer.
    """
    if not settings.is_embedded or "://" in settings.lake_data:
        raise UsageError(
            "what-if needs a lake that can be copied",
            allowed="the embedded lake: a SQLite catalog and a local folder",
            remedy=(
                "try the rules on a restored backup with SEGMENTRY_HOME and SEGMENTRY_CONFIG set"
                " to it"
            ),
        )
    changed = configuration.load_file(policies, "policies")
    with warehouse.connect(settings, read_only=True) as lake:
        warehouse.require(lake, "identity.identifier_mapping", made_by="identity")
        for line in remarks(changed, warehouse.count(lake, "identity.link_candidates")):
            remark(line)
        has_segments = warehouse.relation_exists(lake, "segments.segment_memberships")
    stages = ["identity", *_SEGMENT_STAGES] if has_segments else ["identity"]
    settings.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.scratch, prefix="what-if-") as folder:
        copy = _copy(settings, Path(folder), policies)
        for stage in stages:
            _run(copy, stage)
        return _differences(settings, copy)


def remarks(policies: Mapping[str, Any], candidates: int) -> list[str]:
    """What an operator should know before the answer; candidates: likely pairs in the lake."""
    guessing = policies["identity"].get("probabilistic", {})
    if guessing.get("use") and "link_above" in guessing and not candidates:
        return [
            "no likely pair is known: `link_above` joins nobody before `segmentry identity suggest`"
            " has looked"
        ]
    return []


def _copy(settings: Settings, folder: Path, policies: Path) -> Settings:
    """A copy of the lake: its Parquet files, which never change, as hard links; its catalog as a
    backup.
    """
    home = folder / "home"
    config = folder / "config"
    data = home / "lake" / "data"
    shutil.copytree(settings.lake_data, data, copy_function=_link)
    catalog = home / "lake" / "catalog.sqlite"
    # A process of its own: Python's SQLite would release the locks of DuckDB's in this one.
    subprocess.run(
        [
            sys.executable,
            "-c",
            _BACKUP,
            settings.catalog.partition(":")[2],
            str(catalog),
            f"{data}/",
        ],
        check=True,
    )
    shutil.copytree(settings.config, config)
    shutil.copyfile(policies, config / "policies.yml")
    (home / "duckdb_extensions").symlink_to(settings.extensions)
    environment = {"SEGMENTRY_HOME": str(home), "SEGMENTRY_CONFIG": str(config)}
    return Settings.from_environment(environment)


_BACKUP = """
import sqlite3, sys
original, copied = sqlite3.connect(sys.argv[1]), sqlite3.connect(sys.argv[2])
original.backup(copied)
copied.execute("update ducklake_metadata set value = ? where key = 'data_path'", [sys.argv[3]])
copied.commit()
"""


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copyfile(source, target)


def _run(copy: Settings, stage: str) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SEGMENTRY_")}
    environment = {
        **kept,
        "SEGMENTRY_HOME": str(copy.home),
        "SEGMENTRY_CONFIG": str(copy.config),
        "SEGMENTRY_DBT_PROJECT": os.environ.get("SEGMENTRY_DBT_PROJECT", str(copy.dbt_project)),
    }
    words = [
        sys.executable,
        "-c",
        "from cli.main import main; main()",
        "run",
        "--no-airflow",
        "--select",
        stage,
    ]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SegmentryError(
            f"the stage '{stage}' failed with the changed rules:\n{done.stderr.strip()[-2000:]}",
            remedy="correct the rules; the lake is as it was",
        )


def _differences(settings: Settings, copy: Settings) -> dict[str, Any]:
    with warehouse.connect(settings, read_only=True, is_private=True) as lake:
        for alias, one in (("before", settings), ("after", copy)):
            lake.execute(
                f"attach 'ducklake:{one.catalog}' as {alias} (read_only, data_path"
                f" '{one.lake_data}')"
            )
        (profiles,) = warehouse.records(lake, _PROFILES)
        has_segments = warehouse.relation_exists(lake, "segments.segment_memberships")
        audiences = lake.execute(
            "select table_name from information_schema.tables where table_catalog = 'before'"
            " and table_schema = 'audiences' order by table_name"
        ).fetchall()
        return {
            "profiles": profiles,
            "segments": warehouse.records(lake, _SEGMENTS) if has_segments else [],
            "destinations": [
                row for (name,) in audiences for row in warehouse.records(lake, _rows_of(name))
            ],
        }


def _rows_of(audience: str) -> str:
    return (
        f"select '{audience.removeprefix('aud_')}' as sync,"
        f" (select count(*) from before.audiences.{audience}) as rows_now,"
        f" (select count(*) from after.audiences.{audience}) as rows_then"
    )
