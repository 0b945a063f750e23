"""PUBLISH: scores and features become profiles, segments and audiences, behind the last gate."""

from _wiring import ASSETS, DAG_OPTIONS, wire
from airflow.sdk import dag


@dag(dag_id="publish", schedule=ASSETS["score"], doc_md=__doc__, **DAG_OPTIONS)
def publish() -> None:
    """Runs when every model has scored."""
    wire("publish")


publish()
