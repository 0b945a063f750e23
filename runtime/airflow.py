"""Starts and stops Airflow's own programs for one home. Airflow itself is never imported here: it
is a neighbour that is spoken to by its command line and by HTTP.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from runtime import login
from runtime.airflow_api import READY_SECONDS, Airflow
from runtime.processes import LOOPBACK, Registry, Service, is_running, start
from segmentry.errors import SegmentryError
from segmentry.settings import ROOT, TELEMETRY_OFF, Settings

# Two tasks may work while a third waits for a slot; each worker process costs about 150 MB.
PARALLELISM = "3"
# Airflow sets the modes of its tasks' logs itself, against the umask.
# DAGs that start at a time.
TIMETABLES = ("INGEST", "OBSERVE", "TRAIN", "REFRESH", "ALERTS", "MAINTAIN")
PRIVATE_LOGS = {
    "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FOLDER_PERMISSIONS": "0o700",
    "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FILE_PERMISSIONS": "0o600",
}


# What Airflow reads of this checkout; the console is a plugin.
FOLDERS = {
    "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "dags" / "plugins"),
}


def environment(settings: Settings, port: int, *, schedules: bool) -> dict[str, str]:
    """Variables of Airflow's programs: all state in the home, on loopback, behind its password, no
    telemetry.

    schedules: whether DAGs with a timetable start by themselves.
    """
    home = settings.home / "airflow"
    keys = _keys(home)
    given = {
        name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW__API__")
    }
    paths = [str(ROOT / "dags" / "preload"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    fixed = {
        "AIRFLOW_HOME": str(home),
        **FOLDERS,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{login.USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(login.airflow_passwords(settings)),
        "AIRFLOW__CORE__FERNET_KEY": keys["fernet"],
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://{LOOPBACK}:{port}/execution/",
        "AIRFLOW__API__HOST": LOOPBACK,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": f"http://{LOOPBACK}:{port}",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": keys["api"],
        "AIRFLOW__API_AUTH__JWT_SECRET": keys["jwt"],
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": (
            "0.2"
        ),  # the default of 1 s doubles a chain of short tasks
        # Also how long a worker may overlook that its task has ended; at the default of 5 s a few
        # workers are idle.
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        **PRIVATE_LOGS,
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "SEGMENTRY_HOME": str(settings.home),
        "SEGMENTRY_CONFIG": str(settings.config),
        "PYTHONWARNINGS": "ignore",
    }
    defaults = {
        **TELEMETRY_OFF,
        "AIRFLOW__CORE__PARALLELISM": PARALLELISM,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
    }
    timetables = {} if schedules else {f"SEGMENTRY_CRON_{dag}": "off" for dag in TIMETABLES}
    return {**defaults, **given, **fixed, **timetables}


def launch(settings: Settings, registry: Registry, port: int, *, schedules: bool) -> Airflow:
    """Start api-server, scheduler and dag-processor, and wait until the DAGs of this checkout can
    run.
    """
    env = environment(settings, port, schedules=schedules)
    _migrate(settings, env)
    # Without a timetable to follow, one reading of the DAG files is all a job needs.
    reading = [] if schedules else ["--num-runs", "1"]
    started = time.time()
    server = _start(settings, registry, env, ["api-server"], port)
    api = Airflow(server.url, login.password(settings), [server])
    if open_job(settings).exists():
        # Before there is a scheduler that would go on with it.
        _wait(api.answers, api.services)
        api.fail_open_runs()
        open_job(settings).unlink(missing_ok=True)
    scheduler = _start(settings, registry, env, ["scheduler", "--skip-serve-logs"])
    _start(settings, registry, env, ["dag-processor", *reading])
    api.services = [server, scheduler]
    _wait(api.answers, api.services)
    api.warm_up()
    _wait(lambda: api.is_ready(parsed_since=started), api.services)
    api.set_pool("lake_writer", settings.writers)
    return api


def open_job(settings: Settings) -> Path:
    """A file that is there while a job runs: one that was killed leaves it."""
    return settings.home / "airflow" / "job.open"


def _start(
    settings: Settings,
    registry: Registry,
    env: Mapping[str, str],
    words: list[str],
    port: int | None = None,
) -> Service:
    log = settings.home / "logs" / f"airflow-{words[0]}.log"
    command = [sys.executable, "-m", "airflow", *words]
    return start(registry, f"airflow {words[0]}", command, environment=env, log=log, port=port)


def _wait(is_ready: Callable[[], bool], services: Sequence[Service]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not is_ready():
        for service in services:
            if not is_running(service):
                raise ended(service)
        if time.monotonic() > deadline:
            raise SegmentryError(
                f"Airflow was not ready after {READY_SECONDS} s",
                remedy=(
                    f"read {' and '.join(os.path.relpath(service.log) for service in services)},"
                    " then try again"
                ),
            )
        time.sleep(0.2)


def ended(service: Service) -> SegmentryError:
    """The error for a program that ended by itself."""
    return SegmentryError(
        f"the program '{service.name}' ended by itself",
        remedy=f"read {os.path.relpath(service.log)}, then try again",
    )


def _migrate(settings: Settings, env: Mapping[str, str]) -> None:
    home = settings.home / "airflow"
    database = env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    marker = home / "migrated.json"
    done = {
        "database": database.rpartition("@")[2],
        "python": sys.version,
        "requirements": _requirements(),
    }
    is_there = (
        not database.startswith("sqlite:///") or Path(database.removeprefix("sqlite:///")).exists()
    )
    if is_there and marker.exists() and json.loads(marker.read_text(encoding="utf-8")) == done:
        return
    marker.unlink(missing_ok=True)
    log = settings.home / "logs" / "airflow-migrate.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        command = [sys.executable, "-m", "airflow", "db", "migrate"]
        result = subprocess.run(
            command, env=dict(env), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    if result.returncode != 0:
        raise SegmentryError(
            "Airflow could not prepare its database",
            remedy=f"read {os.path.relpath(log)}, then try again",
        )
    marker.write_text(json.dumps(done), encoding="utf-8")


def _requirements() -> float:
    # The lock file's age identifies the installed versions: a new one may need a new schema.
    lock = ROOT / "requirements.lock"
    return lock.stat().st_mtime if lock.exists() else 0.0


def _keys(home: Path) -> dict[str, str]:
    """Secrets of this home, made once and readable by their owner alone."""
    home.mkdir(parents=True, exist_ok=True)
    path = home / "keys.json"
    if not path.exists():
        import base64

        fernet = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        made = {
            "fernet": fernet,
            "api": secrets.token_urlsafe(64),
            "jwt": secrets.token_urlsafe(64),
        }
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(made, file)
    keys: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return keys
