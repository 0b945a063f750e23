"""The tasks of every DAG: they run one stage's function and hand its outcome to Airflow."""

from __future__ import annotations

from typing import Any

from _connections import offer
from _notifier import record
from airflow.sdk import get_current_context, task
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from segmentry import dbt_log, jobs, progress
from segmentry.errors import SegmentryError
from segmentry.settings import Settings, switch_off_telemetry
from segmentry.stages import STAGES, RunContext, stage_named


@task
def run_stage(name: str, **options: Any) -> None:
    """Run a stage."""
    _settle(jobs.attempt(stage_named(name), context_of(name, options)))


@task(map_index_template="{{ item }}")
def run_item(name: str, item: str, **options: Any) -> None:
    """Run one item of a mapped stage."""
    get_current_context()["item"] = item  # type: ignore[typeddict-unknown-key]
    _settle(jobs.attempt(stage_named(name), context_of(name, options), item))


@task
def list_items(name: str, **options: Any) -> list[str]:
    """List the items of a mapped stage."""
    found = jobs.list_items(stage_named(name), context_of(name, options))
    if isinstance(found, jobs.StageOutcome):
        _settle(found)
    return found if isinstance(found, list) else []


@task
def hand_over() -> None:
    """Signal the next DAG that every item of the last stage is done."""
    _pass_on(_job_options())


def context_of(name: str, options: dict[str, Any]) -> RunContext:
    """What the job was started with; skips a stage that lies before the one the job starts at."""
    from segmentry import clock  # imports the database driver, which no parse should pay for

    switch_off_telemetry()
    dbt_log.to_python_log()
    progress.to_python_log()
    offer()
    options = _job_options() | {key: value for key, value in options.items() if key == "retrain"}
    order = [stage.name for stage in STAGES]
    if "from" in options and name in order and order.index(name) < order.index(options["from"]):
        raise AirflowSkipException(f"the job starts at the stage '{options['from']}'")
    try:
        as_of = clock.parse(options["as_of"]) if options.get("as_of") else None
        return RunContext(
            Settings.from_environment(), as_of=as_of, retrain=bool(options.get("retrain"))
        )
    except SegmentryError as error:
        raise AirflowFailException(str(error)) from None


def _job_options() -> dict[str, Any]:
    """The run's own conf, or what the DAG before passed on with its asset."""
    context = get_current_context()
    passed = [
        event.extra for events in context["triggering_asset_events"].values() for event in events
    ]
    return {
        key: value
        for extra in [*passed, context["dag_run"].conf or {}]
        for key, value in extra.items()
    }


def _settle(outcome: jobs.StageOutcome) -> None:
    context = get_current_context()
    print(*jobs.lines(outcome, STAGES), *outcome.notes, sep="\n    ", flush=True)
    record(outcome, context)
    context["ti"].xcom_push(key="outcome", value=outcome.as_record())
    if outcome.error is not None:
        raise (AirflowFailException if outcome.is_final else AirflowException)(
            outcome.error
        ) from None
    _pass_on(_job_options())


def _pass_on(options: dict[str, Any]) -> None:
    context = get_current_context()
    for asset in context["task"].outlets:
        context["outlet_events"][asset].extra.update(
            {k: v for k, v in options.items() if k in {"as_of", "retrain"}}
        )
