"""``segmentry up``: serves every page and the profile API on loopback."""

from __future__ import annotations

from cli._output import Output, OutputOption, progress, show
from runtime import services
from segmentry.settings import Settings


def command(output: OutputOption = Output.table) -> None:
    """Serve Airflow (with its schedules on), the console, MLflow, Data Docs, dbt docs and the
    profile API on loopback.

    Ports: SEGMENTRY_AIRFLOW_PORT (8080), SEGMENTRY_CONSOLE_PORT (8085), SEGMENTRY_MLFLOW_PORT
    (5000), SEGMENTRY_DATA_DOCS_PORT (8081), SEGMENTRY_DBT_DOCS_PORT (8082), SEGMENTRY_API_PORT
    (8084), SEGMENTRY_METRICS_PORT (9464, path /metrics, for Prometheus). `segmentry down` stops
    them. Sign in to the pages as admin with the password in the file secrets/pages.password of the
    home.

    Example: segmentry up
    """
    with progress("starting Airflow, the console, MLflow, Data Docs, dbt docs and the profile API"):
        pages = services.up(Settings.from_environment())
    show(pages, output)
