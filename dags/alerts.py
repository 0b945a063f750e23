"""ALERTS: looks for incidents between jobs, such as a home in which nothing lands any more."""

from _notifier import look
from _wiring import DAG_OPTIONS, cron
from airflow.sdk import dag


@dag(dag_id="alerts", schedule=cron("alerts", "*/10 * * * *"), doc_md=__doc__, **DAG_OPTIONS)
def alerts() -> None:
    """Runs every ten minutes; it fails where a message did not arrive at its channel."""
    look()


alerts()
