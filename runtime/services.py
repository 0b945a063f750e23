"""The pages of one home, served on loopback behind its password: Airflow, the console, MLflow, Data
Docs and dbt docs; the collector and the profile API, which have keys of their own; and the live
engine, which serves no page.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from collector import keys
from live import pulse
from runtime import airflow, login
from runtime.processes import LOOPBACK, Registry, Service, is_running, require_free, start
from segmentry import dbt_docs, warehouse
from segmentry.errors import ConfigError, UsageError
from segmentry.permissions import private_folder
from segmentry.settings import ROOT, TELEMETRY_OFF, Settings

REGISTRY = "up"
READY_SECONDS = 90


@dataclass(frozen=True)
class Page:
    """One address to open. variable: the environment variable that moves it to another port; empty
    for a program that serves none. module: what serves it. sign_in: how, if it is not the password
    of the pages.
    """

    name: str
    variable: str
    default_port: int
    health: str = "/"
    module: str = "runtime.pages"
    sign_in: str = ""

    @property
    def key(self) -> str:
        """Its name in logs and options."""
        return self.name.lower().replace(" ", "-")

    @property
    def address(self) -> str:
        """Where it answers; empty for a program that serves no page."""
        return f"http://{LOOPBACK}:{self.port}" if self.variable else ""

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
COLLECTOR = Page(
    "Collector",
    "SEGMENTRY_COLLECTOR_PORT",
    8083,
    "/healthz",
    "collector.server",
    "a write key of config/collector.yml",
)
LIVE = Page("Live engine", "", 0, "", "live.service", "`segmentry live status`")
ALL = (
    AIRFLOW, CONSOLE, DATA_DOCS, DBT_DOCS, COLLECTOR, PROFILE_API, LIVE, METRICS, MLFLOW,
)  # fmt: skip
AIRFLOW_PROGRAMS = frozenset(("airflow api-server", "airflow scheduler", "airflow dag-processor"))


def up(settings: Settings, without: Collection[str] = ()) -> list[dict[str, str]]:
    """Start what is not up yet, wait until every page answers, and return the pages. without: keys
    of programs that are left out, and stopped where they run.
    """
    registry = Registry(settings, REGISTRY)
    pages = _wanted(settings, without)
    kept = _kept(settings, registry, pages)
    started = [page for page in pages if page not in kept]
    names = {service.name for service in registry.read()}
    stopped = names - {page.name for page in kept}
    if AIRFLOW in kept:
        stopped -= AIRFLOW_PROGRAMS
    registry.stop(stopped)
    if not started:
        return _shown(settings, pages)
    for page in started:
        if page.variable:
            require_free(page.port, page.variable, page.name)
    if COLLECTOR in started:
        _require_keys(settings)
    warehouse.prepare(settings)
    try:
        _start_all(settings, registry, started)
        _wait(settings, registry, started)
    except BaseException:
        registry.stop({service.name for service in registry.read()} - names | stopped)
        raise
    return _shown(settings, pages)


def down(settings: Settings) -> list[Service]:
    """Stop what ``up`` started; returns what was running."""
    return Registry(settings, REGISTRY).stop()


def states(settings: Settings) -> list[dict[str, str]]:
    """Each program of ``up``: up, down (it was started and has ended), silent (it does not answer)
    or not started.
    """
    registry = Registry(settings, REGISTRY)
    recorded = {service.name for service in registry.read()}
    running = {service.name for service in registry.running()}
    return [
        {
            "service": page.name,
            "state": _state(settings, page, recorded, running),
            "address": page.address,
            "leave_out_with": "" if page is AIRFLOW else f"--without {page.key}",
        }
        for page in ALL
    ]


def _state(settings: Settings, page: Page, recorded: set[str], running: set[str]) -> str:
    programs = _programs(page)
    if not programs & recorded:
        return "not started"
    if not programs <= running:
        return "down"
    return "up" if _answers(settings, page) else "silent"


def _programs(page: Page) -> frozenset[str]:
    return AIRFLOW_PROGRAMS if page is AIRFLOW else frozenset((page.name,))


def _wanted(settings: Settings, without: Collection[str]) -> list[Page]:
    choices = [page.key for page in ALL if page is not AIRFLOW]
    if unknown := [name for name in without if name not in choices]:
        raise UsageError(
            f"'{unknown[0][:40]}' cannot be left out",
            allowed=", ".join(choices),
            remedy="correct --without",
        )
    left_out = {*without, *([MLFLOW.key] if "://" in _external_mlflow(settings) else [])}
    return [page for page in ALL if page.key not in left_out]


def _kept(settings: Settings, registry: Registry, pages: list[Page]) -> list[Page]:
    """Those that run and answer. Programs of Airflow's that have ended end all: its own pages and
    tasks start again with it.
    """
    running = {service.name for service in registry.running()}
    kept = [p for p in pages if _programs(p) <= running and _answers(settings, p)]
    return kept if AIRFLOW in kept else []


def _require_keys(settings: Settings) -> None:
    try:
        keys.load(settings)
    except ConfigError as error:
        remedy = f"{error.remedy}; or leave the collector out with `--without {COLLECTOR.key}`"
        raise ConfigError(error.received, allowed=error.allowed, remedy=remedy) from None


def _start_all(settings: Settings, registry: Registry, pages: list[Page]) -> None:
    if MLFLOW in pages:
        _prepare_mlflow(settings)
    for page in pages:
        if page is not AIRFLOW:
            _start_page(settings, registry, page)
    if AIRFLOW in pages:
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
    if page is LIVE:
        pulse.forget(settings)
    named = [page.key] if page.module == "runtime.pages" else []
    port = page.port if page.variable else None
    words = [sys.executable, "-m", page.module, *named]
    words += ["--port", str(port)] if port is not None else []
    log = settings.home / "logs" / f"{page.key}.log"
    start(registry, page.name, words, environment=environment, log=log, port=port)


def _prepare_mlflow(settings: Settings) -> None:
    database = settings.mlflow_uri.partition("sqlite:///")[2]
    if database:
        private_folder(Path(database).parent)


def _external_mlflow(settings: Settings) -> str:
    return settings.mlflow_uri if settings.mlflow_uri.startswith("http") else ""


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
    if page is LIVE:
        return pulse.is_alive(settings)
    try:
        url = f"http://{LOOPBACK}:{page.port}{page.health}"
        sign_in = (login.USER, login.password(settings))
        found = httpx.get(url, auth=sign_in, timeout=5, trust_env=False).status_code
        # Before the first run the profile API has nobody to answer about, and states so.
        return found in ({200, 503} if page is PROFILE_API else {200, 404})
    except httpx.TransportError:
        return False


def _shown(settings: Settings, pages: list[Page]) -> list[dict[str, str]]:
    sign_in = f"{login.USER}, password in {login.password_file(settings)}"
    return [
        {
            "page": page.name,
            "address": page.address,
            "sign_in": page.sign_in or sign_in,
        }
        for page in pages
    ]
