"""``segmentry up``: serves every page, the collector, the profile API and the live engine."""

from __future__ import annotations

from typing import Annotated

import typer

from cli._output import Output, OutputOption, progress, show
from runtime import services
from segmentry.settings import Settings


def command(
    without: Annotated[
        list[str] | None,
        typer.Option(
            help="what is not started: console, data-docs, dbt-docs, collector, profile-api,"
            " live-engine, metrics or mlflow; once for each"
        ),
    ] = None,
    output: OutputOption = Output.table,
) -> None:
    """Serve Airflow (with its schedules on), the console, MLflow, Data Docs, dbt docs, the
    collector, the profile API and metrics on loopback, and run the live engine.

    Ports: SEGMENTRY_AIRFLOW_PORT (8080), SEGMENTRY_CONSOLE_PORT (8085), SEGMENTRY_MLFLOW_PORT
    (5000), SEGMENTRY_DATA_DOCS_PORT (8081), SEGMENTRY_DBT_DOCS_PORT (8082),
    SEGMENTRY_COLLECTOR_PORT (8083), SEGMENTRY_API_PORT (8084), SEGMENTRY_METRICS_PORT (9464, path
    /metrics, for Prometheus). The engine looks every SEGMENTRY_LIVE_EVERY seconds (1). A second
    call starts what has ended. `segmentry status` lists all, `segmentry down` stops them. Sign in
    to the pages as admin with the password in the file secrets/pages.password of the home.

    Example: segmentry up --without live-engine
    """
    with progress("starting Airflow, the pages, the collector, the profile API, the live engine"):
        pages = services.up(Settings.from_environment(), without or [])
    show(pages, output)
