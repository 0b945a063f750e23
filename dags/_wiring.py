"""Turns the stages of a DAG into tasks. Nothing here connects, queries or imports a room while a
file is parsed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from _notifier import IncidentNotifier
from _tasks import hand_over, list_items, run_item, run_stage
from _withdrawals import on_failure_of
from airflow.sdk import Asset, CronTriggerTimetable, XComArg

from segmentry.stages import STAGES, Stage, sends_after

# What each DAG leaves behind for the next one.
ASSETS = {
    "ingest": Asset(name="staging", uri="segmentry://lake/staging"),
    "build": Asset(name="features", uri="segmentry://lake/features"),
    "score": Asset(name="scores", uri="segmentry://lake/ml"),
    "publish": Asset(name="audiences", uri="segmentry://lake/audiences"),
    "activate": Asset(name="acknowledged", uri="segmentry://lake/activation"),
    "observe": Asset(name="observability", uri="segmentry://lake/observability"),
    "train": Asset(name="champions", uri="segmentry://mlflow/champions"),
}
# One run of a DAG at a time: two runs of one stage would only wait for each other's slot.
DAG_OPTIONS: dict[str, Any] = {
    "catchup": False,
    "max_active_runs": 1,
    "is_paused_upon_creation": False,
    "tags": ["segmentry"],
}


def cron(dag: str, default: str) -> CronTriggerTimetable | None:
    """The DAG's timetable, which SEGMENTRY_CRON_<DAG> overrides; ``off`` leaves the DAG to assets
    and people.
    """
    expression = os.environ.get(f"SEGMENTRY_CRON_{dag.upper()}") or default
    if expression == "off":
        return None
    # Zero: a DAG that is new waits for its next time, and does not catch up on the last one.
    return CronTriggerTimetable(expression, timezone="UTC", run_immediately=timedelta(0))


def wire(dag: str, stages: Sequence[Stage] | None = None, **options: Any) -> None:
    """One task per stage, in the order of segmentry.stages; the last one leaves the DAG's asset."""
    made: list[XComArg] = []
    chosen = stages or [stage for stage in STAGES if stage.dag == dag]
    outlets = [ASSETS[dag]]
    previous: tuple[Stage, XComArg] | None = None
    for stage in chosen:
        is_plain_end = stage is chosen[-1] and stage.items is None
        first, last = _tasks_of(stage, options, outlets if is_plain_end else [])
        if previous is not None:
            previous[1] >> first
            if previous[0].is_isolated:
                # A teardown runs whatever the outcome of the items, and leaves the run failed where
                # one of them failed.
                first.as_teardown(on_failure_fail_dagrun=True)
        previous = (stage, last)
        made = [*made, first, *([last] if stage.items else [])]
    if previous is not None and previous[0].items is not None:
        # The asset may only appear when all items are done, so no item may leave it.
        made[-1] >> hand_over.override(outlets=outlets, trigger_rule="none_failed")()
    if stages is None and all(sends_after(stage) for stage in chosen):
        on_failure_of(made)


def _tasks_of(
    stage: Stage, options: dict[str, Any], outlets: list[Asset]
) -> tuple[XComArg, XComArg]:
    settings: dict[str, Any] = {
        "retries": 2,
        "retry_delay": timedelta(seconds=10),
        "execution_timeout": timedelta(minutes=stage.minutes),
        "trigger_rule": (
            "none_failed"
        ),  # a mapped stage without items is skipped and stops nothing
        "on_failure_callback": [IncidentNotifier()],
        # The job has come to its end.
        **({"on_success_callback": [IncidentNotifier()]} if stage is STAGES[-1] else {}),
    }
    # The embedded lake has one writer: the pool's slots limit how many tasks write at once.
    writing = {"pool": "lake_writer"} if stage.writes_lake else {}
    if stage.items is None:
        only = run_stage.override(task_id=stage.name, outlets=outlets, **settings, **writing)(
            stage.name, **options
        )
        return only, only
    items = list_items.override(task_id=f"{stage.name}_items", **settings)(stage.name, **options)
    mapped = run_item.override(task_id=stage.name, **settings, **writing)
    return items, mapped.partial(name=stage.name, **options).expand(item=items)
