"""The pages of one home, served on loopback: Airflow, MLflow, Data Docs and dbt docs."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from cli import _airflow
from cli._processes import LOOPBACK, Registry, Service, is_running, require_free, start
from segmentry import dbt_docs, warehouse
from segmentry.errors import UsageError
from segmentry.settings import TELEMETRY_OFF, Settings

REGISTRY = "up"
READY_SECONDS = 90


@dataclass(frozen=True)
class Page:
    """One address to open. variable: the environment variable that moves it to another port."""

    name: str
    variable: str
    default_port: int
    health: str = "/"

    @property
    def port(self) -> int:
        """The configured port, or UsageError."""
        text = os.environ.get(self.variable) or str(self.default_port)
        if not text.isdigit() or not 1 <= int(text) <= 65_535:
            raise UsageError(
                f"{self.variable} is '{text}'", allowed="a port from 1 to 65535", remedy="correct or unset it"
            )
        return int(text)


AIRFLOW = Page("Airflow", "SEGMENTRY_AIRFLOW_PORT", 8080, "/api/v2/monitor/health")
MLFLOW = Page("MLflow", "SEGMENTRY_MLFLOW_PORT", 5000, "/health")
DATA_DOCS = Page("Data Docs", "SEGMENTRY_DATA_DOCS_PORT", 8081)
DBT_DOCS = Page("dbt docs", "SEGMENTRY_DBT_DOCS_PORT", 8082)


def up(settings: Settings) -> list[dict[str, str]]:
    """Start what is not up yet, wait until every page answers, and return the pages."""
    registry = Registry(settings, REGISTRY)
    pages = [AIRFLOW, DATA_DOCS, DBT_DOCS, *([] if "://" in _external_mlflow(settings) else [MLFLOW])]
    if _all_up(registry, pages):
        return _shown(pages)
    registry.stop()
    for page in pages:
        require_free(page.port, page.variable, page.name)
    warehouse.prepare(settings)
    try:
        _start_all(settings, registry, pages)
        _wait(registry, pages)
    except BaseException:
        registry.stop()
        raise
    return _shown(pages)


def down(settings: Settings) -> list[Service]:
    """Stop what ``up`` started; returns what was running."""
    return Registry(settings, REGISTRY).stop()


def _start_all(settings: Settings, registry: Registry, pages: list[Page]) -> None:
    if MLFLOW in pages:
        _start_page(settings, registry, MLFLOW, _mlflow_command(settings))
    for page, folder in ((DATA_DOCS, settings.data_docs), (DBT_DOCS, settings.home / "dbt_docs")):
        folder.mkdir(parents=True, exist_ok=True)
        server = ["http.server", str(page.port), "--bind", LOOPBACK, "--directory", str(folder)]
        _start_page(settings, registry, page, server)
    _airflow.launch(settings, registry, AIRFLOW.port, schedules=True)
    dbt_docs.refresh(settings)


def _start_page(settings: Settings, registry: Registry, page: Page, words: list[str]) -> None:
    environment: Mapping[str, str] = {
        **TELEMETRY_OFF,
        **os.environ,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # its job runners are not used and take half a gigabyte
    }
    log = settings.home / "logs" / f"{page.name.lower().replace(' ', '-')}.log"
    start(registry, page.name, [sys.executable, "-m", *words], environment=environment, log=log, port=page.port)


def _mlflow_command(settings: Settings) -> list[str]:
    database = settings.mlflow_uri.partition("sqlite:///")[2]
    if database:
        Path(database).parent.mkdir(parents=True, exist_ok=True)
    return [
        *("mlflow", "server", "--host", LOOPBACK, "--port", str(MLFLOW.port), "--workers", "1"),
        *("--backend-store-uri", settings.mlflow_uri, "--default-artifact-root", str(settings.mlflow_artifacts)),
    ]


def _external_mlflow(settings: Settings) -> str:
    return settings.mlflow_uri if settings.mlflow_uri.startswith("http") else ""


def _all_up(registry: Registry, pages: list[Page]) -> bool:
    running = registry.running()
    return bool(running) and len(running) == len(registry.read()) and all(_answers(page) for page in pages)


def _wait(registry: Registry, pages: list[Page]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    waiting = list(pages)
    while waiting:
        waiting = [page for page in waiting if not _answers(page)]
        for service in registry.read():
            if not is_running(service) or time.monotonic() > deadline:
                raise _airflow.ended(service)
        time.sleep(0.2)


def _answers(page: Page) -> bool:
    try:
        url = f"http://{LOOPBACK}:{page.port}{page.health}"
        return httpx.get(url, timeout=5, trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _shown(pages: list[Page]) -> list[dict[str, str]]:
    return [{"page": page.name, "address": f"http://{LOOPBACK}:{page.port}"} for page in pages]
