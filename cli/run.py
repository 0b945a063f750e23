"""``segmentry run``: the main job."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from cli import _job, _summary
from cli._output import Output, OutputOption
from segmentry import clock
from segmentry.settings import Settings


def command(
    as_of: Annotated[str | None, typer.Option(help="time the job is run for; default: after the newest record")] = None,
    select: Annotated[str | None, typer.Option(help="one stage, or STAGE+ for it and all behind it")] = None,
    airflow: Annotated[bool, typer.Option(help="through Airflow's scheduler, or all stages in this process")] = True,
    retrain: Annotated[bool, typer.Option(help="train models even when their champions are fresh")] = False,
    output: OutputOption = Output.table,
) -> None:
    """Run the main job: load, build, score, publish, activate, observe.

    A single stage runs in this process. Exit status: 0 done, 1 failed, 2 wrong use, 3 a gate or brake stopped it.

    Example: segmentry run --no-airflow --select features+
    """
    settings = Settings.from_environment()
    request = _job.Request(clock.parse(as_of) if as_of else None, select, retrain, airflow)
    started = time.monotonic()
    result = _job.run(settings, request)
    _summary.show(_summary.of(settings, result, time.monotonic() - started), output)
    raise typer.Exit(result.exit_code)
