"""A refresh runs when something arrived or changed, and marks at its end what it has seen."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent import futures
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from segmentry import freshness, job_lock, refresh, warehouse
from segmentry.errors import GateFailed, SourceError
from segmentry.settings import Settings
from segmentry.stages import STAGES, RunContext, Stage, StageReport

RAN: list[str] = []
FAULTS: dict[str, Exception] = {}


def _ran(name: str) -> StageReport:
    RAN.append(name)
    if name in FAULTS:
        raise FAULTS[name]
    return StageReport()


def load(_: RunContext) -> StageReport:
    return _ran("load")


def build(context: RunContext) -> StageReport:
    with warehouse.connect(context.settings) as lake:
        lake.execute("create or replace table lake.marts.made as select count(*) n from lake.raw.r")
    return _ran("build")


def send(_: RunContext) -> StageReport:
    return _ran("sync")


HERE = __name__
CHOSEN = (
    Stage("load", "ingest", f"{HERE}:load"),
    Stage("marts", "build", f"{HERE}:build"),
    Stage("sync", "activate", f"{HERE}:send", writes_lake=False, is_isolated=True),
)


@pytest.fixture
def context(home: Settings, tmp_path: Path) -> RunContext:
    warehouse.prepare(home)
    RAN.clear()
    FAULTS.clear()
    with warehouse.connect(home) as lake:
        for schema in ("raw", "marts", "segments"):
            lake.execute(f"create schema if not exists lake.{schema}")
        lake.execute("create table lake.raw.r as select 1 as x")
        lake.execute("create table lake.segments.s as select 1 as x")
    return RunContext(home)


def ran(context: RunContext) -> list[str]:
    RAN.clear()
    list(refresh.run(context, CHOSEN))
    return [*RAN]


def test_what_has_not_changed_is_not_built_again(context: RunContext) -> None:
    assert ran(context) == ["load", "build", "sync"]
    assert ran(context) == ["load"]
    (only,) = [outcome for outcome in refresh.run(context, CHOSEN) if outcome.stage != "load"]
    assert only.notes == (refresh.NOTHING,)


@pytest.mark.parametrize(
    "change",
    [
        "insert into lake.raw.r values (2)",
        "delete from lake.raw.r",
        "create table lake.raw.another as select 1 as x",
        "insert into lake.segments.s values (3)",
        "drop table lake.marts.made",
    ],
)
def test_a_change_of_any_layer_is_followed(context: RunContext, change: str) -> None:
    ran(context)
    with warehouse.connect(context.settings) as lake:
        lake.execute(change)
    assert ran(context) == ["load", "build", "sync"]
    assert ran(context) == ["load"]


@pytest.mark.parametrize(
    ("stage", "fault", "left"),
    [
        ("build", GateFailed("stopped"), ["load", "build", "withdrawals"]),
        ("build", KeyError("x"), ["load", "build", "withdrawals"]),
        ("load", SourceError("no answer"), ["load", "withdrawals"]),
    ],
)
def test_a_refresh_that_stops_starts_over_and_withdrawals_leave_all_the_same(
    context: RunContext,
    monkeypatch: pytest.MonkeyPatch,
    stage: str,
    fault: Exception,
    left: list[str],
) -> None:
    monkeypatch.setattr(
        "activation.stages.withdrawals", lambda _: _ran("withdrawals"), raising=True
    )
    ran(context)
    with warehouse.connect(context.settings) as lake:
        lake.execute("insert into lake.raw.r values (7)")
    FAULTS[stage] = fault
    assert ran(context) == left
    FAULTS.clear()
    assert ran(context) == ["load", "build", "sync"]


def test_a_killed_refresh_leaves_no_mark(
    context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    mark: Callable[..., None] = freshness.mark
    monkeypatch.setattr(freshness, "mark", killed)
    with pytest.raises(KeyboardInterrupt):
        ran(context)
    monkeypatch.setattr(freshness, "mark", mark)
    assert ran(context) == ["load", "build", "sync"]


@pytest.mark.parametrize(
    ("schedule", "sends"), [("each_refresh", True), ("each_run", False), ("manual", False)]
)
def test_rows_that_wait_leave_though_nothing_has_arrived(
    context: RunContext, tmp_path: Path, schedule: str, sends: bool
) -> None:
    shipped = context.settings.config / "syncs" / "newsletter_file.yml"
    content = yaml.safe_load(shipped.read_text(encoding="utf-8")) | {"schedule": schedule}
    config = tmp_path / "config"
    (config / "syncs").mkdir(parents=True)
    (config / "syncs" / "newsletter_file.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
    for name in ("policies.yml", "schemas"):
        (config / name).symlink_to(context.settings.config / name)
    there = replace(context, settings=replace(context.settings, config=config))
    ran(there)
    assert ran(there) == (["load", "sync"] if sends else ["load"])


def test_a_refresh_has_the_stages_of_the_main_job_without_its_models() -> None:
    names = [stage.name for stage in refresh.stages()]
    assert names == [stage.name for stage in STAGES if stage.name not in refresh.LEFT_OUT]
    assert {"texts", "train", "score", "measure", "observe"} == refresh.LEFT_OUT
    assert [stage.name for stage in refresh.stages(sends=False)] == names[: names.index("sync")]


def test_a_job_waits_for_a_refresh_and_for_no_other_job(home: Settings) -> None:
    waited: list[str] = []
    order: list[str] = []
    is_there = threading.Event()

    def refreshes() -> None:
        with job_lock.only_one(home, job_lock.REFRESH):
            is_there.set()
            while not waited:
                time.sleep(0.01)
            order.append("refreshed")

    with futures.ThreadPoolExecutor() as pool:
        other = pool.submit(refreshes)
        assert is_there.wait(10)
        words = r"^a refresh \(process \d+\) is running"
        with (
            pytest.raises(job_lock.JobIsRunning, match=words),
            job_lock.only_one(home, job_lock.REFRESH),
        ):
            pass
        with job_lock.only_one(home, on_wait=waited.append):
            order.append("the job")
            with (
                pytest.raises(job_lock.JobIsRunning, match=r"^another job \(process \d+\)"),
                job_lock.only_one(home, on_wait=waited.append),
            ):
                pass
        other.result()
    assert order == ["refreshed", "the job"]
    assert waited == [f"waiting for a refresh (process {os.getpid()}) to end"]
