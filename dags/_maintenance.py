"""The task of the maintenance."""

from __future__ import annotations

from _tasks import context_of
from airflow.sdk import get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from segmentry.stages import DAGS


@task
def run_maintenance() -> None:
    """Run the maintenance; skipped while a DAG of the main job, another job or a backup runs."""
    from runtime.maintenance import running
    from segmentry.files_lock import FilesAreInUse
    from segmentry.job_lock import JobIsRunning

    count = get_current_context()["ti"].get_dr_count
    others = (*DAGS, "train", "refresh")
    if busy := [dag for dag in others if count(dag_id=dag, states=["running"])]:
        raise AirflowSkipException(f"another DAG is running ({', '.join(busy)})")
    settings = context_of("maintain", {}).settings
    try:
        for step in running.maintain(settings, print):
            print(f"{step.name}: {step.detail}; {step.freed:,} bytes freed", flush=True)
    except (JobIsRunning, FilesAreInUse) as error:
        raise AirflowSkipException(str(error)) from None
