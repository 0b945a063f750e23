"""The many-machines layout on loopback: everything in PostgreSQL, tasks through Redis to two Celery
workers.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from runtime import airflow
from runtime.airflow_api import Airflow
from runtime.processes import LOOPBACK, Registry, free_port, start
from segmentry import jobs, warehouse
from segmentry.settings import ROOT, Settings
from segmentry.stages import DAGS, STAGES
from simulator import output as simulated
from simulator import receiver
from simulator.run import SimulationRequest
from tests.cluster import _servers

pytestmark = [pytest.mark.cluster, pytest.mark.slow]
WORKERS = ("worker-1", "worker-2")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    with _servers.postgres(tmp_path) as port, _servers.broker(tmp_path) as redis:
        at = f"{LOOPBACK}:{port}"
        for name, value in {
            "SEGMENTRY_HOME": str(tmp_path / "home"),
            "SEGMENTRY_CATALOG": (
                f"postgres:host={LOOPBACK} port={port} dbname=lake user=lake password=lake"
            ),
            "SEGMENTRY_LEDGER_URL": f"postgresql+psycopg2://ledger:ledger@{at}/ledger",
            "MLFLOW_TRACKING_URI": f"postgresql+psycopg2://mlflow:mlflow@{at}/mlflow",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": (
                f"postgresql+psycopg2://airflow:airflow@{at}/airflow"
            ),
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CORE__PARALLELISM": "8",
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": "tests.cluster._worker_name.name",
            "AIRFLOW__CELERY__BROKER_URL": redis,
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+postgresql://airflow:airflow@{at}/airflow",
            "PYTHONPATH": str(ROOT),
        }.items():
            monkeypatch.setenv(name, value)
        for name in (
            "SEGMENTRY_LAKE_DATA",
            "SEGMENTRY_CONFIG",
            "SEGMENTRY_INBOX",
            "SEGMENTRY_WRITERS",
        ):
            monkeypatch.delenv(name, raising=False)
        yield Settings.from_environment()


@pytest.fixture
def server(settings: Settings) -> Iterator[Airflow]:
    registry = Registry(settings, "cluster")
    warehouse.prepare(settings)
    with receiver.running(settings) as variables:
        os.environ.update(variables)
        try:
            port = free_port()
            api = airflow.launch(settings, registry, port, schedules=False)
            for name in WORKERS:
                words = [
                    "celery",
                    "worker",
                    "--skip-serve-logs",
                    "--concurrency",
                    "2",
                    "--celery-hostname",
                    name,
                ]
                environment = airflow.environment(settings, port, schedules=False) | {
                    "WORKER_NAME": name
                }
                log = settings.home / "logs" / f"{name}.log"
                start(
                    registry,
                    name,
                    [sys.executable, "-m", "airflow", *words],
                    environment=environment,
                    log=log,
                )
            yield api
        finally:
            registry.stop()
            for name in variables:
                os.environ.pop(name, None)


def test_two_workers_share_the_main_job(settings: Settings, server: Airflow) -> None:
    assert not settings.is_embedded
    inbox = settings.home / "inbox"
    shop = SimulationRequest(people=400, days=120, seed=3, out=inbox, end_date=date(2026, 6, 30))
    simulated.fill(shop, lambda _text: None, force=False)
    started = time.monotonic()
    outcomes = list(server.run_job({}, DAGS[0]))
    seconds = time.monotonic() - started
    assert jobs.exit_code(outcomes) == 0, [outcome.error for outcome in outcomes if outcome.error]
    assert {outcome.stage for outcome in outcomes} == {stage.name for stage in STAGES}

    runs = server.get("/dags/~/dagRuns", limit=100)["dag_runs"]
    assert {(run["dag_id"], run["state"]) for run in runs} == {(dag, "success") for dag in DAGS}
    tasks = server.get("/dags/~/dagRuns/~/taskInstances", limit=1000)["task_instances"]
    # What has nothing to run is marked as done by the scheduler, without a worker.
    ran = [task for task in tasks if task["operator"] != "EmptyOperator"]
    shares = Counter(task["hostname"] for task in ran if task["state"] == "success")
    print(f"{sum(shares.values())} tasks in {seconds:.0f} s on two workers: {dict(shares)}")
    assert set(shares) == set(WORKERS), "both workers ran tasks, and nobody else did"

    with warehouse.connect(settings, read_only=True) as lake:
        assert warehouse.count(lake, "profiles.profiles") > 100
        assert warehouse.count(lake, "segments.segment_memberships") > 0
