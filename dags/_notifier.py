"""Looks for incidents when a task has ended, in the process of the task or in that of Airflow's
callbacks: the channels of config/alerts.yml are informed through the same code as outside of
Airflow.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import BaseNotifier, task
from airflow.sdk.exceptions import AirflowFailException

from segmentry.jobs import StageOutcome


class IncidentNotifier(BaseNotifier):
    """Called with the context of a task that failed for good, and of the job's last one."""

    def notify(self, context: Any) -> None:
        """Keep that a task was ended from outside, and look; a fault is printed and fails
        nothing.
        """
        from _connections import offer

        from runtime.alerts import history, watch
        from segmentry.settings import Settings, switch_off_telemetry

        switch_off_telemetry()
        offer()
        settings = Settings.from_environment()
        task = context["ti"]
        if context.get("exception") is not None:
            history.record_lost(
                settings,
                context["run_id"],
                task.task_id.removesuffix("_items"),
                getattr(task, "rendered_map_index", None),
                "the task was ended from outside (killed, out of memory, or over its time limit)",
            )
        print(*watch.look_after(settings), sep="\n", flush=True)


@task(retries=0, execution_timeout=timedelta(minutes=5))
def look() -> None:
    """Look for incidents, and send what is new to the channels."""
    from _connections import offer

    from runtime.alerts import watch
    from segmentry import warehouse
    from segmentry.errors import SegmentryError
    from segmentry.settings import Settings, switch_off_telemetry

    switch_off_telemetry()
    offer()
    settings = Settings.from_environment()
    try:
        warehouse.prepare(settings)
        done = watch.check(settings)
    except SegmentryError as error:
        raise AirflowFailException(str(error)) from None
    print(watch.counted(done), flush=True)
    if done.faults:
        raise AirflowFailException("\n".join(f"{n}: {fault}" for n, fault in done.faults.items()))


def record(outcome: StageOutcome, context: Any) -> None:
    """Keep the outcome for alerts and metrics, unless Airflow is about to try the task again."""
    from runtime.alerts import history
    from segmentry.settings import Settings

    task = context["ti"]
    is_last = outcome.is_final or task.try_number > (task.max_tries or 0)
    if outcome.error is None or is_last:
        history.record(Settings.from_environment(), context["run_id"], "run", outcome)
