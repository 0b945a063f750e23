"""BUILD: staging becomes profiles' identities, facts and features; one task per layer of the dbt
project.
"""

from _wiring import ASSETS, DAG_OPTIONS, wire
from airflow.sdk import dag


@dag(dag_id="build", schedule=ASSETS["ingest"], doc_md=__doc__, **DAG_OPTIONS)
def build() -> None:
    """Runs when staging has passed its gate."""
    wire("build")


build()
