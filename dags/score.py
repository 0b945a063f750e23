"""SCORE: each model scores every profile; a model without a fresh champion is trained first."""

from _wiring import ASSETS, DAG_OPTIONS, wire
from airflow.sdk import dag


@dag(dag_id="score", schedule=ASSETS["build"] | ASSETS["train"], doc_md=__doc__, **DAG_OPTIONS)
def score() -> None:
    """Runs when features have passed their gate, or when a model was retrained."""
    wire("score")


score()
