"""Maintenance frees what is old, and changes nothing of what is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.main import run
from runtime.maintenance import disk, running
from segmentry import freshness, warehouse
from segmentry.errors import SegmentryError
from segmentry.files_lock import files_kept
from segmentry.job_lock import only_one
from segmentry.settings import Settings
from tests.backup import stocked
from tests.backup.aging import age

DAYS = 30  # of time travel, as config/policies.yml has it


@pytest.fixture
def stocked_home(built: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Without Airflow's database, whose cleaning takes seconds."""
    (built.home / "airflow" / "airflow.db").unlink()
    return built


def parquet(home: Settings) -> set[Path]:
    return set(Path(home.lake_data).rglob("*.parquet"))


def rebuild(home: Settings) -> None:
    """What a day's job does without new data: each relation is written again."""
    with warehouse.connect(home) as lake:
        for name in ("marts.orders", "profiles.profiles"):
            lake.execute(f"create or replace table {name} as from lake.{name}")


def test_old_snapshots_expire_and_relations_stay_equal(stocked_home: Settings) -> None:
    home = stocked_home
    before = stocked.content(home)
    rebuild(home)
    age(home, DAYS + 1)
    with warehouse.connect(home) as lake:
        began = warehouse.current_snapshot(lake)
        lake.execute("delete from marts.orders where id > 400")
        middle = warehouse.current_snapshot(lake)
        lake.execute("insert into marts.orders select range, 0 from range(401, 500)")
    rebuild(home)
    content = stocked.content(home)
    files = parquet(home)
    steps = running.maintain(home, lambda text: None)
    assert [step.name for step in steps] == ["lake", "logs", "airflow"]
    assert stocked.content(home) == content
    assert before.keys() == content.keys()
    assert files - parquet(home)
    counts = {}
    for snapshot in (began, middle):  # time travel within the period
        with warehouse.connect(home, snapshot=snapshot) as lake:
            counts[snapshot] = warehouse.count(lake, "marts.orders")
    assert counts == {began: 428, middle: 343}
    with (
        pytest.raises(warehouse.DatabaseError),
        warehouse.connect(home, snapshot=began - 2) as lake,
    ):
        warehouse.count(lake, "marts.orders")
    again = running.maintain(home, lambda text: None)
    assert again[0].detail.startswith("0 snapshot(s)")


def test_within_the_period_nothing_is_lost(stocked_home: Settings) -> None:
    age(stocked_home, DAYS - 1)
    with warehouse.connect(stocked_home) as lake:
        snapshots = lake.execute("select snapshot_id from ducklake_snapshots('lake')").fetchall()
    running.maintain(stocked_home, lambda text: None)
    with warehouse.connect(stocked_home) as lake:
        after = lake.execute("select snapshot_id from ducklake_snapshots('lake')").fetchall()
    assert set(snapshots) <= set(after)


def test_layers_that_are_current_stay_so(stocked_home: Settings) -> None:
    home = stocked_home
    with warehouse.connect(home) as lake:
        lake.execute("insert into raw.orders values (1000, 'r')")
    freshness.mark(home, "marts", freshness.snapshot(home))
    freshness.mark(home, "identity", freshness.snapshot(home))
    with warehouse.connect(home) as lake:
        lake.execute("create table staging.changed as select 1 as id")
    freshness.mark(home, "identity", 1)
    age(home, DAYS + 1)
    assert [freshness.is_current(home, one) for one in ("identity", "marts")] == [False, False]
    freshness.mark(home, "marts", freshness.snapshot(home))
    age(home, DAYS + 1)
    running.maintain(home, lambda text: None)
    assert [freshness.is_current(home, one) for one in ("identity", "marts")] == [False, True]


def test_a_dry_run_removes_nothing_and_names_what_would_be(
    stocked_home: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    age(stocked_home, DAYS + 1)
    rebuild(stocked_home)
    (stocked_home.home / "logs" / "runs" / "new.log").write_text("x", encoding="utf-8")
    before = {path for path in stocked_home.home.rglob("*") if "scratch" not in path.parts}
    assert run(["maintain", "--dry-run", "--output", "json"]) == 0
    assert '"1 file(s)"' in capsys.readouterr().out
    assert before <= set(stocked_home.home.rglob("*"))
    assert run(["maintain"]) == 0
    assert not (stocked_home.home / "logs" / "runs" / "one.log").exists()
    assert (stocked_home.home / "logs" / "runs" / "new.log").exists()


def test_it_runs_next_to_no_job_and_no_backup(stocked_home: Settings) -> None:
    files = parquet(stocked_home)
    age(stocked_home, DAYS + 1)
    with only_one(stocked_home), pytest.raises(SegmentryError, match="another job"):
        running.maintain(stocked_home, lambda text: None)
    with files_kept(stocked_home, "a backup"), pytest.raises(SegmentryError, match="a backup"):
        running.maintain(stocked_home, lambda text: None)
    assert parquet(stocked_home) == files


def test_disk_use_by_store_with_the_growth_of_a_run(
    stocked_home: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    disk.record_run(stocked_home)
    stocked.write(stocked_home, "inbox/orders/more.csv", b"x" * 5_000)
    disk.record_run(stocked_home)
    assert disk.growth(stocked_home)["inbox"] == 5_000
    total = sum(path.lstat().st_size for path in stocked_home.home.rglob("*") if path.is_file())
    assert sum(disk.usage(stocked_home).values()) == total
    assert run(["doctor", "--disk"]) == 0
    assert "lake files" in capsys.readouterr().out


@pytest.mark.parametrize(
    "days",
    [pytest.param(5, marks=pytest.mark.slow), pytest.param(90, marks=pytest.mark.soak)],
)
def test_what_is_written_again_and_again_stays_for_the_period_alone(
    stocked_home: Settings, tmp_path: Path, days: int
) -> None:
    """Each run writes every relation again, at a third of the period of time travel: the present
    one and those of the period stay, and no other.
    """
    home = stocked_home
    with warehouse.connect(home) as lake:
        lake.execute(
            "create or replace table marts.orders as select range as id, hash(range) as total"
            " from range(200000)"
        )
    first = _lake_size(home)
    sizes = []
    for _ in range(days):
        age(home, DAYS / 3)
        rebuild(home)
        running.maintain(home, lambda text: None)
        sizes.append(_lake_size(home))
    print(f"first {first:,} bytes, largest {max(sizes):,}, last {sizes[-1]:,} after {days} days")
    assert sizes[-1] <= first * (1 + 4)
    assert sizes[-1] <= sizes[min(4, days - 1)] * 1.05


def _lake_size(home: Settings) -> int:
    found = disk.usage(home)
    return found[disk.LAKE] + found[disk.CATALOG]
