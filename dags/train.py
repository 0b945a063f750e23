"""TRAIN: every model is trained again once a week; its gates decide whether it becomes the
champion.
"""

from _wiring import DAG_OPTIONS, cron, wire
from airflow.sdk import dag

from segmentry.stages import stage_named


@dag(dag_id="train", schedule=cron("train", "0 3 * * 0"), doc_md=__doc__, **DAG_OPTIONS)
def train() -> None:
    """Runs on Sundays; what it leaves behind starts the score DAG."""
    wire("train", [stage_named("train")], retrain=True)


train()
