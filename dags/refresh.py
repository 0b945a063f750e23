"""REFRESH: what arrived becomes memberships and audiences within minutes, by the newest scores."""

from _refresh import wire
from _wiring import DAG_OPTIONS, cron
from airflow.sdk import dag


@dag(dag_id="refresh", schedule=cron("refresh", "*/5 * * * *"), doc_md=__doc__, **DAG_OPTIONS)
def refresh() -> None:
    """Runs every five minutes; skipped where nothing has arrived or the main job is running."""
    wire()


refresh()
