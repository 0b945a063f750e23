"""The task of a refresh: all of its stages in one process, where a task per stage would start
twenty of them every few minutes.
"""

from __future__ import annotations

from datetime import timedelta

from _notifier import IncidentNotifier
from _tasks import context_of
from airflow.sdk import get_current_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from segmentry import jobs
from segmentry.stages import DAGS


def wire() -> None:
    """The DAG's one task. It is not tried again: the next refresh follows in minutes."""
    run_refresh.override(
        task_id="refresh",
        pool="lake_writer",
        execution_timeout=timedelta(minutes=30),
        retries=0,
        on_failure_callback=[IncidentNotifier()],
    )()


@task
def run_refresh() -> None:
    """Run a refresh; skipped where nothing has arrived or another job runs."""
    from runtime.alerts import history
    from segmentry import refresh
    from segmentry.job_lock import REFRESH, JobIsRunning, only_one

    running = get_current_context()["ti"].get_dr_count
    if busy := [dag for dag in DAGS if running(dag_id=dag, states=["running", "queued"])]:
        raise AirflowSkipException(f"the main job is running ({', '.join(busy)})")
    context = context_of(refresh.NAME, {})
    chosen = refresh.stages()
    outcomes: list[jobs.StageOutcome] = []
    try:
        with only_one(context.settings, REFRESH):
            ran = refresh.run(context, chosen)
            for outcome in history.recorded(context.settings, refresh.NAME, ran):
                print(*jobs.lines(outcome, chosen), *outcome.notes, sep="\n    ", flush=True)
                outcomes.append(outcome)
    except JobIsRunning as error:
        raise AirflowSkipException(str(error)) from None
    records = [outcome.as_record() for outcome in outcomes]
    get_current_context()["ti"].xcom_push(key="outcomes", value=records)
    if failed := [outcome.error for outcome in outcomes if outcome.error is not None]:
        raise AirflowFailException("\n".join(failed))
    if [outcome.stage for outcome in outcomes] == [refresh.NAME]:
        raise AirflowSkipException(refresh.NOTHING)
