"""Runs the maintenance: one step for each kind of store, each safe to repeat."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from privacy.catalog import vacuum
from runtime import airflow
from runtime.maintenance import disk, lake, policy
from runtime.maintenance.policy import MaintenancePolicy
from segmentry import warehouse
from segmentry.errors import SegmentryError
from segmentry.files_lock import files_kept
from segmentry.job_lock import only_one
from segmentry.settings import Settings

# Folders of the home with a file for each run or task, which nothing else prunes by age.
_LOGS = ("logs/runs", "logs/refreshes", "airflow/logs", "dbt/logs")
_DAY = 86_400  # seconds


@dataclass(frozen=True)
class MaintenanceStep:
    """How a step ended. freed: bytes; of a dry run those that would be freed at least."""

    name: str
    detail: str
    freed: int


Announce = Callable[[str], None]


def plan(settings: Settings) -> list[MaintenanceStep]:
    """What each step would do; nothing is changed."""
    rules = policy.load(settings)
    warehouse.prepare(settings)
    found = lake.planned(settings, rules.time_travel_days)
    old = list(_old_logs(settings, rules))
    return [
        MaintenanceStep("lake", _lake_words(found), found["bytes"]),
        MaintenanceStep("logs", f"{len(old):,} file(s)", sum(size for _, size in old)),
        MaintenanceStep("airflow", _airflow_words(rules), 0),
    ]


def maintain(settings: Settings, announce: Announce) -> list[MaintenanceStep]:
    """Do the steps, as the only job. announce: called with each step as it begins."""
    rules = policy.load(settings)
    warehouse.prepare(settings)
    done: list[MaintenanceStep] = []
    # The home's jobs and backups rely on what is removed here.
    with (
        files_kept(settings, "a maintenance"),
        only_one(settings, "maintenance"),
        warehouse.writing(settings),
    ):
        for number, (name, step) in enumerate(_STEPS.items(), 1):
            announce(f"{number} of {len(_STEPS)}: {name}")
            before = sum(disk.usage(settings).values())
            detail = step(settings, rules)
            freed = before - sum(disk.usage(settings).values())
            done.append(MaintenanceStep(name, detail, freed))
    return done


def _lake(settings: Settings, rules: MaintenancePolicy) -> str:
    found = lake.clean(settings, rules.time_travel_days)
    return f"{_lake_words(found)}; {found['merged']:,} small file(s) merged"


def _lake_words(found: dict[str, int]) -> str:
    return f"{found['snapshots']:,} snapshot(s) expire, {found['files']:,} file(s) are removed"


def _logs(settings: Settings, rules: MaintenancePolicy) -> str:
    count = 0
    for path, _ in list(_old_logs(settings, rules)):
        path.unlink(missing_ok=True)
        count += 1
    for name in _LOGS:
        for folder, _, _ in os.walk(settings.home / name, topdown=False):
            if Path(folder) != settings.home / name and not os.listdir(folder):  # noqa: PTH208
                shutil.rmtree(folder, ignore_errors=True)
    return f"{count:,} file(s)"


def _old_logs(settings: Settings, rules: MaintenancePolicy) -> Iterator[tuple[Path, int]]:
    limit = time.time() - rules.logs_days * _DAY
    for name in _LOGS:
        for folder, _, files in os.walk(settings.home / name):
            for file in files:
                path = Path(folder, file)
                try:
                    status = path.lstat()
                except FileNotFoundError:
                    continue
                if status.st_mtime < limit:
                    yield path, status.st_size


def _airflow(settings: Settings, rules: MaintenancePolicy) -> str:
    """Ended runs of DAGs, by Airflow's own command: it keeps the newest run of each."""
    database = settings.home / "airflow" / "airflow.db"
    if not database.exists():
        return "no database in this home"
    before = datetime.now(UTC) - timedelta(days=rules.airflow_days)
    env = airflow.environment(settings, 0, schedules=False)
    env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = f"sqlite:///{database}"
    command = [
        sys.executable, "-m", "airflow", "db", "clean", "--yes", "--skip-archive",
        "--error-on-cleanup-failure", "--clean-before-timestamp", before.isoformat(),
    ]  # fmt: skip
    log = settings.home / "logs" / "airflow-clean.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        done = subprocess.run(
            command, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    if done.returncode != 0:
        raise SegmentryError(
            "Airflow could not clean its database",
            remedy=f"read {os.path.relpath(log)}, then run `segmentry maintain` again",
        )
    try:
        vacuum([str(database)])
    except subprocess.CalledProcessError:
        return f"{_airflow_words(rules)}; its file stays as large, as Airflow is up"
    return _airflow_words(rules)


def _airflow_words(rules: MaintenancePolicy) -> str:
    return f"ended runs of more than {rules.airflow_days} days ago"


_STEPS: dict[str, Callable[[Settings, MaintenancePolicy], str]] = {
    "lake": _lake,
    "logs": _logs,
    "airflow": _airflow,
}
