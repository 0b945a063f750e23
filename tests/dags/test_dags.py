"""The DAGs are silent while they are parsed, and have the same order as `segmentry run
--no-airflow`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from segmentry.settings import ROOT
from segmentry.stages import DAGS, STAGES, stage_named

HEAVY = {"dbt", "duckdb", "mlflow", "sklearn", "pandas", "pyarrow", "great_expectations", "dlt"}

# Tasks that no stage of the order is behind.
BESIDES = {"withdrawals", "end"}

READER = Path(__file__).with_name("_reader.py")


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("airflow")
    env = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "PYTHONPATH": str(ROOT),
    }
    words = [sys.executable, str(READER), str(ROOT / "dags")]
    done = subprocess.run(words, env=env, cwd=home, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def test_parsing_is_silent(bag: dict[str, Any]) -> None:
    assert bag["errors"] == {}
    assert bag["used"] == []
    assert set(bag["dags"]) == {*DAGS, "train", "refresh", "alerts", "maintain"}
    assert HEAVY.isdisjoint(bag["imported"]), bag["imported"]


def test_the_dags_follow_the_order_of_the_stages(bag: dict[str, Any]) -> None:
    """From the first DAG along the assets, the tasks that run stages are STAGES, one by one."""
    left_by = {
        outlet: name
        for name, dag in bag["dags"].items()
        for task in dag["tasks"]
        for outlet in task["outlets"]
    }
    chain = ["ingest"]
    while following := [
        name
        for name, dag in bag["dags"].items()
        if chain[-1] in {left_by[asset] for asset in dag["assets"]}
    ]:
        assert len(following) == 1
        chain += following
    assert tuple(chain) == DAGS
    stages = {stage.name for stage in STAGES}
    tasks = [task for name in chain for task in bag["dags"][name]["tasks"]]
    assert [task["id"] for task in tasks if task["id"] in stages] == [
        stage.name for stage in STAGES
    ]
    for name in chain:
        in_line = [task for task in bag["dags"][name]["tasks"] if task["id"] not in BESIDES]
        for before, task in pairwise(in_line):
            assert before["id"] in task["upstream"], f"{task['id']} may run before {before['id']}"


def test_only_the_last_task_of_a_dag_leaves_its_asset(bag: dict[str, Any]) -> None:
    for name, dag in bag["dags"].items():
        if name in ("refresh", "alerts", "maintain"):  # nothing follows on them
            assert not dag["tasks"][0]["outlets"]
            continue
        leaving = [task for task in dag["tasks"] if task["outlets"]]
        assert leaving == [task for task in dag["tasks"] if task["id"] not in BESIDES][-1:], name
        assert not leaving[0]["is_mapped"], "an item may not speak for the others"


def test_tasks_have_retries_limits_and_slots(bag: dict[str, Any]) -> None:
    for dag in bag["dags"].values():
        assert (dag["catchup"], dag["max_active_runs"], dag["paused"]) == (False, 1, False)
        for task in dag["tasks"]:
            name = task["id"].removesuffix("_items")
            if name in ("hand_over", "end", "refresh", "look", "maintain"):
                continue
            stage = stage_named(name)
            assert task["retries"] == 2
            assert task["timeout"] == stage.minutes * 60
            is_writer = stage.writes_lake and not task["id"].endswith("_items")
            assert task["pool"] == ("lake_writer" if is_writer else "default_pool")
            assert task["is_mapped"] == (
                stage.items is not None and not task["id"].endswith("_items")
            )
            usual = "one_failed" if name == "withdrawals" else "none_failed"
            assert task["trigger_rule"] == (
                "all_done_setup_success" if task["is_teardown"] else usual
            )


def test_withdrawals_are_sent_where_a_dag_fails_before_the_syncs(bag: dict[str, Any]) -> None:
    """Behind every task of each DAG of the chain up to the syncs; and the DAG's run stays
    failed.
    """
    before = DAGS[: DAGS.index("activate")]
    assert [
        name for name in DAGS if "withdrawals" in {t["id"] for t in bag["dags"][name]["tasks"]}
    ] == list(before)
    for name in before:
        tasks = {task["id"]: task for task in bag["dags"][name]["tasks"]}
        stages = set(tasks) - {"withdrawals", "end", "hand_over"}
        assert set(tasks["withdrawals"]["upstream"]) == stages, name
        (last,) = tasks["end"]["upstream"]
        assert last in stages
        assert all(last not in tasks[stage]["upstream"] for stage in stages), (
            "the end is that of the last stage"
        )
        assert tasks["end"]["trigger_rule"] == "all_success"
    assert "withdrawals" not in {task["id"] for task in bag["dags"]["train"]["tasks"]}


def test_every_sync_is_a_task_and_what_they_did_is_recorded_whatever_happens(
    bag: dict[str, Any],
) -> None:
    tasks = {task["id"]: task for task in bag["dags"]["activate"]["tasks"]}
    assert tasks["sync"]["is_mapped"]
    assert tasks["acknowledge"]["is_teardown"]
    assert tasks["acknowledge"]["fails_run"]


def test_a_refresh_is_one_task_that_writes_alone_and_follows_every_five_minutes(
    bag: dict[str, Any],
) -> None:
    refresh = bag["dags"]["refresh"]
    assert refresh["cron"] == "*/5 * * * *"
    (task,) = refresh["tasks"]
    assert (task["pool"], task["retries"], task["timeout"]) == ("lake_writer", 0, 1800)


def test_incidents_are_looked_for_every_ten_minutes(bag: dict[str, Any]) -> None:
    alerts = bag["dags"]["alerts"]
    assert alerts["cron"] == "*/10 * * * *"
    (task,) = alerts["tasks"]
    assert (task["pool"], task["retries"], task["timeout"]) == ("default_pool", 0, 300)


def test_a_task_that_fails_and_the_end_of_the_job_look_for_incidents(bag: dict[str, Any]) -> None:
    looking = {
        (dag, task["id"])
        for dag, found in bag["dags"].items()
        for task in found["tasks"]
        if task["looks_on_failure"]
    }
    names = {stage.name for stage in STAGES}
    for dag in (*DAGS, "train", "refresh"):
        stages = {t["id"] for t in bag["dags"][dag]["tasks"] if t["id"] in {*names, "refresh"}}
        assert stages and {(dag, task) for task in stages} <= looking
    ends = [
        task["id"]
        for found in bag["dags"].values()
        for task in found["tasks"]
        if task["looks_on_success"]
    ]
    assert ends == [STAGES[-1].name]


def test_training_is_weekly_and_starts_scoring(bag: dict[str, Any]) -> None:
    assert bag["dags"]["train"]["cron"] == "0 3 * * 0"
    assert sorted(bag["dags"]["score"]["assets"]) == ["champions", "features"]
    assert bag["dags"]["observe"]["cron"] == "0 6 * * *"


def test_airflow_stays_in_its_folder() -> None:
    for path in Path(ROOT / "dags").glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 100, path.name
