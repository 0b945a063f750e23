"""The pages of one home, served on loopback behind its password: Airflow, the console, MLflow, Data
Docs and dbt docs; and the profile API, which has tokens of its own.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from runtime import airflow, login
from runtime.processes import LOOPBACK, Registry, Service, is_running, require_free, start
from segmentry import dbt_docs, warehouse
from segmentry.errors import UsageError
from segmentry.permissions import private_folder
from segmentry.settings import ROOT, TELEMETRY_OFF, Settings

REGISTRY = "up"
READY_SECONDS = 90


@dataclass(frozen=True)
class Page:
    """One address to open. variable: the environment variable that moves it to another port.
    module: what serves it. sign_in: how, if it is not the password of the pages.
    """

    name: str
    variable: str
    default_port: int
    health: str = "/"
    module: str = "runtime.pages"
    sign_in: str = ""

    @property
    def port(self) -> int:
        """The configured port, or UsageError."""
        text = os.environ.get(self.variable) or str(self.default_port)
        if not text.isdigit() or not 1 <= int(text) <= 65_535:
            raise UsageError(
                f"{self.variable} is '{text}'",
                allowed="a port from 1 to 65535",
                remedy="correct or unset it",
            )
        return int(text)


AIRFLOW = Page("Airflow", "SEGMENTRY_AIRFLOW_PORT", 8080, "/api/v2/monitor/health")
MLFLOW = Page("MLflow", "SEGMENTRY_MLFLOW_PORT", 5000, "/health")
DATA_DOCS = Page("Data Docs", "SEGMENTRY_DATA_DOCS_PORT", 8081)
DBT_DOCS = Page("dbt docs", "SEGMENTRY_DBT_DOCS_PORT", 8082)
PROFILE_API = Page(
    "Profile API",
    "SEGMENTRY_API_PORT",
    8084,
    "/healthz",
    "api.server",
    "a token of config/api.yml (`segmentry api token new`)",
)
CONSOLE = Page("Console", "SEGMENTRY_CONSOLE_PORT", 8085, "/health", "console.server")
METRICS = Page("metrics", "SEGMENTRY_METRICS_PORT", 9464)


def up(settings: Settings) -> list[dict[str, str]]:
    """Start what is not up yet, wait until every page answers, and return the pages."""
    registry = Registry(settings, REGISTRY)
    pages = [
        AIRFLOW,
        CONSOLE,
        DATA_DOCS,
        DBT_DOCS,
        PROFILE_API,
        METRICS,
        *([] if "://" in _external_mlflow(settings) else [MLFLOW]),
    ]
    if _all_up(settings, registry, pages):
        return _shown(settings, pages)
    registry.stop()
    for page in pages:
        require_free(page.port, page.variable, page.name)
    warehouse.prepare(settings)
    try:
        _start_all(settings, registry, pages)
        _wait(settings, registry, pages)
    except BaseException:
        registry.stop()
        raise
    return _shown(settings, pages)


def down(settings: Settings) -> list[Service]:
    """Stop what ``up`` started; returns what was running."""
    return Registry(settings, REGISTRY).stop()


def _start_all(settings: Settings, registry: Registry, pages: list[Page]) -> None:
    if MLFLOW in pages:
        _prepare_mlflow(settings)
    for page in pages:
        if page is not AIRFLOW:
            _start_page(settings, registry, page)
    airflow.launch(settings, registry, AIRFLOW.port, schedules=True)
    dbt_docs.refresh(settings)


def _start_page(settings: Settings, registry: Registry, page: Page) -> None:
    environment: Mapping[str, str] = {
        **TELEMETRY_OFF,
        **os.environ,
        "SEGMENTRY_HOME": str(settings.home),
        "SEGMENTRY_CONFIG": str(settings.config),
        "PYTHONPATH": os.pathsep.join(
            path for path in (str(ROOT), os.environ.get("PYTHONPATH", "")) if path
        ),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": (
            "false"
        ),  # its job runners are not used and take half a gigabyte
    }
    name = page.name.lower().replace(" ", "-")
    named = [name] if page.module == "runtime.pages" else []
    words = [sys.executable, "-m", page.module, *named, "--port", str(page.port)]
    log = settings.home / "logs" / f"{name}.log"
    start(registry, page.name, words, environment=environment, log=log, port=page.port)


def _prepare_mlflow(settings: Settings) -> None:
    database = settings.mlflow_uri.partition("sqlite:///")[2]
    if database:
        private_folder(Path(database).parent)


def _external_mlflow(settings: Settings) -> str:
    return settings.mlflow_uri if settings.mlflow_uri.startswith("http") else ""


def _all_up(settings: Settings, registry: Registry, pages: list[Page]) -> bool:
    running = registry.running()
    return (
        bool(running)
        and len(running) == len(registry.read())
        and all(_answers(settings, page) for page in pages)
    )


def _wait(settings: Settings, registry: Registry, pages: list[Page]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    waiting = list(pages)
    while waiting:
        waiting = [page for page in waiting if not _answers(settings, page)]
        for service in registry.read():
            if not is_running(service) or time.monotonic() > deadline:
                raise airflow.ended(service)
        time.sleep(0.2)


def _answers(settings: Settings, page: Page) -> bool:
    try:
        url = f"http://{LOOPBACK}:{page.port}{page.health}"
        sign_in = (login.USER, login.password(settings))
        return httpx.get(url, auth=sign_in, timeout=5, trust_env=False).status_code in {200, 404}
    except httpx.TransportError:
        return False


def _shown(settings: Settings, pages: list[Page]) -> list[dict[str, str]]:
    sign_in = f"{login.USER}, password in {login.password_file(settings)}"
    return [
        {
            "page": page.name,
            "address": f"http://{LOOPBACK}:{page.port}",
            "sign_in": page.sign_in or sign_in,
        }
        for page in pages
    ]
