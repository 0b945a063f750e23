"""OBSERVE: freshness, sizes, drift and delivery, after every activation and once a day."""

from _wiring import ASSETS, DAG_OPTIONS, cron, wire
from airflow.sdk import AssetOrTimeSchedule, dag

DAILY = cron("observe", "0 6 * * *")
ACKNOWLEDGED = ASSETS["activate"]


@dag(
    dag_id="observe",
    schedule=AssetOrTimeSchedule(timetable=DAILY, assets=ACKNOWLEDGED) if DAILY else ACKNOWLEDGED,
    doc_md=__doc__,
    **DAG_OPTIONS,
)
def observe() -> None:
    """End of the main job."""
    wire("observe")


observe()
