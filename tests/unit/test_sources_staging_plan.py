"""What a run of the staging layer builds: what is new, all of it when its SQL has changed, nothing
otherwise.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from segmentry import warehouse
from segmentry.errors import SegmentryError
from segmentry.settings import Settings
from sources import landing, stages, staging
from sources.readers.records import Records

SOURCES = ("events", "orders")


@pytest.fixture
def project(home: Settings, tmp_path: Path) -> Path:
    stages.ensure_raw(home)
    for folder in ("models/staging", "macros"):
        shutil.copytree(home.dbt_project / folder, tmp_path / "project" / folder)
    return tmp_path / "project"


def land(home: Settings, source: str, content: str) -> None:
    with warehouse.connect(home) as lake:
        landing.land(
            lake, landing.Input(source, content, content), [Records([1], [content], [None])]
        )


def plan(home: Settings, project: Path) -> staging.StagingPlan:
    with warehouse.connect(home, read_only=True) as lake:
        return staging.make_plan(lake, project, SOURCES)


def mark(home: Settings, made: staging.StagingPlan) -> None:
    with warehouse.connect(home) as lake:
        staging._mark(lake, made)


def test_an_empty_lake_is_built_once(home: Settings, project: Path) -> None:
    first = plan(home, project)
    assert (first.select, first.is_full_refresh, first.batches) == (
        staging.LAYER,
        False,
        frozenset(),
    )
    mark(home, first)
    assert plan(home, project).select == ""


def test_only_sources_with_new_records_are_built(home: Settings, project: Path) -> None:
    land(home, "events", "a")
    mark(home, plan(home, project))
    land(home, "orders", "b")
    made = plan(home, project)
    assert (made.select, made.is_full_refresh) == (f"base_orders+,{staging.LAYER}", False)
    assert [source for source, _ in made.batches] == ["orders"]


def test_a_build_that_died_before_its_mark_is_done_again(home: Settings, project: Path) -> None:
    land(home, "events", "a")
    mark(home, plan(home, project))
    land(home, "events", "b")
    assert plan(home, project) == plan(home, project)
    mark(home, plan(home, project))
    assert plan(home, project).select == ""


def test_changed_sql_builds_all_again(home: Settings, project: Path) -> None:
    land(home, "events", "a")
    mark(home, plan(home, project))
    with (project / "macros" / "portable" / "casts.sql").open("a", encoding="utf-8") as macro:
        macro.write("{#- another way to read a date -#}\n")
    changed = plan(home, project)
    assert (changed.select, changed.is_full_refresh) == (staging.LAYER, True)
    mark(home, changed)
    assert plan(home, project).select == ""


def test_a_batch_that_landed_before_what_is_built_builds_all_again(
    home: Settings, project: Path
) -> None:
    land(home, "events", "a")
    mark(home, plan(home, project))
    land(home, "orders", "b")
    assert not plan(home, project).is_full_refresh, "another source has its own order"
    land(home, "events", "c")
    assert not plan(home, project).is_full_refresh
    with warehouse.connect(home) as lake:
        lake.execute(
            "update raw._loads set loaded_at = loaded_at - interval 1 day where file = 'c'"
        )
    made = plan(home, project)
    assert (made.select, made.is_full_refresh, len(made.batches)) == (staging.LAYER, True, 3)


def test_a_record_that_staging_lost_stops_the_run(home: Settings) -> None:
    stages.ensure_raw(home)
    land(home, "events", "a")
    with warehouse.connect(home) as lake:
        lake.execute(
            "create table staging.landing_balance as select 'events' as source, _batch_id as"
            " batch_id, 0 as accepted, 1 as quarantined, 0 as duplicates from raw.events"
        )
        staging.require_balance(lake, SOURCES)
        lake.execute("update staging.landing_balance set quarantined = 0")
        with pytest.raises(SegmentryError, match="records are not accounted for"):
            staging.require_balance(lake, SOURCES)
