"""The task of a DAG that sends withdrawals when a task of the DAG has failed, so that nothing is
sent behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from _tasks import run_stage
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import XComArg

from segmentry.stages import WITHDRAWALS


def on_failure_of(tasks: Sequence[XComArg]) -> None:
    """Wire the task behind all of the DAG's tasks, of which the last is where the DAG ends.

    A DAG's run ends as its last tasks do. Without ``end``, which costs no process, one in which
    withdrawals were sent would count as done.
    """
    withdrawals = run_stage.override(
        task_id=WITHDRAWALS.name,
        trigger_rule="one_failed",
        retries=2,
        retry_delay=timedelta(seconds=10),
        execution_timeout=timedelta(minutes=WITHDRAWALS.minutes),
        pool="lake_writer",
    )(WITHDRAWALS.name)
    for task in tasks:
        task >> withdrawals
    tasks[-1] >> EmptyOperator(task_id="end")
