"""ACTIVATE: every sync is a task of its own, so that a broken destination stops no other."""

from _wiring import ASSETS, DAG_OPTIONS, wire
from airflow.sdk import dag


@dag(dag_id="activate", schedule=ASSETS["publish"], doc_md=__doc__, **DAG_OPTIONS)
def activate() -> None:
    """Runs when audiences have passed their gate; what was acknowledged is recorded even if a sync
    failed.
    """
    wire("activate")


activate()
