"""INGEST: records of the sources land in raw, become staging, and pass the first gate."""

from _wiring import DAG_OPTIONS, cron, wire
from airflow.sdk import dag


@dag(dag_id="ingest", schedule=cron("ingest", "0 5 * * *"), doc_md=__doc__, **DAG_OPTIONS)
def ingest() -> None:
    """Start of the main job; everything behind it follows by assets."""
    wire("ingest")


ingest()
