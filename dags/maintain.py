"""MAINTAIN: snapshots, small files, logs and old runs of Airflow, before the day's first job."""

from datetime import timedelta

from _maintenance import run_maintenance
from _wiring import DAG_OPTIONS, cron
from airflow.sdk import dag


@dag(dag_id="maintain", schedule=cron("maintain", "30 4 * * *"), doc_md=__doc__, **DAG_OPTIONS)
def maintain() -> None:
    """Runs once a day; skipped while a job, a backup or an erasure runs: the next day follows."""
    run_maintenance.override(
        task_id="maintain", pool="lake_writer", execution_timeout=timedelta(hours=2), retries=0
    )()


maintain()
