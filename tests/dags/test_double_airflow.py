"""How the job behaves through Airflow's own programs, on stages that only pretend."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from runtime import airflow
from segmentry import warehouse
from segmentry.settings import ROOT, Settings
from segmentry.stages import STAGES
from tests.activation.engine_shop import SECRET, Receiver, consent, fill, serving
from tests.activation.shop import Shop
from tests.dags import _double

pytestmark = [pytest.mark.slow]
ITEMS = {stage.name: ("one", "two") if stage.items else ("",) for stage in STAGES}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("double")
    yield folder
    assert alive(folder) == []


@pytest.fixture(autouse=True)
def fresh(home: Path) -> None:
    _double.script(home)
    _double.calls(home)


def alive(home: Path) -> list[str]:
    """Processes that were started for this home."""
    found = []
    for process in psutil.process_iter(["pid", "name", "status"]):
        try:
            is_ours = process.environ().get("SEGMENTRY_HOME") == str(home)
        except psutil.Error:
            continue
        if is_ours and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(f"{process.info['pid']} {process.info['name']}")
    return found


def in_order(names: list[str]) -> list[str]:
    """Names of stages, each once, in the order in which they first ran."""
    return list(dict.fromkeys(name.partition("[")[0] for name in names))


def wait_until(is_true: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.2)


def start(home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        _double.command("run"), env=_double.environment(home), cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def has_called(home: Path, name: str) -> bool:
    path = home / "double.jsonl"
    return path.exists() and f'"{name}"' in path.read_text()


def test_the_chain_runs_to_its_end_with_the_jobs_options(home: Path) -> None:
    done = _double.segmentry(
        home, "run", "--as-of", "2026-05-01T12:00:00+02:00", "--retrain", "--output", "json"
    )
    assert done.returncode == 0, done.stderr
    calls = _double.calls(home)
    assert in_order([call["name"] for call in calls]) == [stage.name for stage in STAGES]
    assert len(calls) == sum(len(items) for items in ITEMS.values()), "no task ran twice"
    assert {call["as_of"] for call in calls} == {"2026-05-01 10:00:00"}
    assert all(call["retrain"] for call in calls)
    summary = json.loads(done.stdout)
    assert len(summary["stages"]) == len(calls)
    assert alive(home) == []


def test_a_gate_stops_what_is_behind_it_with_its_own_words(home: Path) -> None:
    _double.script(home, fail={"gate_features": "gate"})
    done = _double.segmentry(home, "run")
    assert done.returncode == 3
    assert "the double's gate is shut" in done.stderr
    assert "To do: open it" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert in_order(_double.names(home))[-1] == "gate_features"


def keep_connection(home: Path, name: str, **content: str) -> None:
    """Have Airflow keep a connection, encrypted in its own database."""
    settings = replace(Settings.from_environment(), home=home)
    env = airflow.environment(settings, 1, schedules=False)
    airflow._migrate(settings, env)
    words = ["connections", "add", name, "--conn-json", json.dumps(content)]
    done = subprocess.run(
        [sys.executable, "-m", "airflow", *words], env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]


def a_sync_by_connection(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lake with one person who may be sent, and a sync whose address and secret are Airflow's to
    give.
    """
    monkeypatch.setenv("SEGMENTRY_HOME", str(home))
    settings = Settings.from_environment()
    warehouse.prepare(settings)
    shop = Shop(settings, home / "shop")
    shop.sync(
        "vip",
        destination="webhook",
        connection={"url": "airflow:crm:url", "secret": "airflow:crm:password"},
    )
    shop.run(
        "create table lake.audiences.aud_vip (row_key varchar, email varchar, first_name varchar)"
    )
    fill(shop, "vip", {"ann": "Ann"})
    consent(shop, "ann")
    monkeypatch.setenv("SEGMENTRY_CONFIG", str(shop.settings.config))


def test_a_broken_task_is_tried_again_and_stops_no_other(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_sync_by_connection(home, monkeypatch)
    _double.script(
        home,
        fail={"sync[one]": "fault", "observe": "kill"},
        items={"sync": ["one", "two", "vip"]},
        real={"sync[vip]": "activation.stages:sync"},
    )
    receiver = Receiver()
    with serving(receiver) as url:
        keep_connection(home, "crm", conn_type="http", host=url, password=SECRET)
        run_with_a_broken_task(home)
    assert set(receiver.people) == {"ann@example.com"}, "sent with what Airflow keeps"
    leaking = [
        path for path in home.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()
    ]
    assert not leaking, "a log, a rendered field or a database contains the secret"


def run_with_a_broken_task(home: Path) -> None:
    done = _double.segmentry(home, "run", "--select", "gate_audiences+")
    assert done.returncode == 1
    names = _double.names(home)
    assert in_order(names) == ["gate_audiences", "sync", "acknowledge", "measure", "observe"]
    tried = [names.count(f"sync[{item}]") for item in ("one", "two", "vip")]
    assert tried == [3, 1, 1], "the broken one alone is retried"
    assert "the double broke" in done.stderr
    assert names.count("observe") == 3
    assert "ended from outside" in done.stderr, "a task that was killed cannot report why"


def test_a_killed_job_leaves_nothing_for_the_next(home: Path) -> None:
    _double.script(home, seconds={"identity": 30})
    job = start(home)
    wait_until(lambda: has_called(home, "identity"))
    job.kill()
    job.communicate()
    _double.script(home)
    _double.calls(home)
    done = _double.segmentry(home, "run")
    assert done.returncode == 0, done.stderr
    assert "that a killed job had left" in done.stderr
    calls = _double.names(home)
    assert len(calls) == sum(len(items) for items in ITEMS.values()), (
        "the killed job did not go on next to the new one"
    )
    assert alive(home) == []


def test_an_interrupted_job_stops_what_it_started(home: Path) -> None:
    _double.script(home, seconds={"identity": 30})
    job = start(home)
    wait_until(lambda: has_called(home, "identity"))
    os.kill(job.pid, signal.SIGTERM)
    _, progress = job.communicate(timeout=60)
    assert job.returncode == 1
    assert "the job was interrupted" in progress
    assert alive(home) == []
