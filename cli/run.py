"""``segmentry run``: the main job."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from cli import _summary
from cli._output import Output, OutputOption
from runtime import job
from segmentry import clock, releases
from segmentry.errors import UsageError
from segmentry.settings import Settings


def command(
    as_of: Annotated[
        str | None, typer.Option(help="time the job is run for; default: after most records")
    ] = None,
    select: Annotated[
        str | None, typer.Option(help="one stage, or STAGE+ for it and all behind it")
    ] = None,
    until: Annotated[str | None, typer.Option(help="the last stage to run")] = None,
    send: Annotated[
        bool,
        typer.Option(
            "--send/--no-send", help="call destinations, or leave that to `segmentry sync apply`"
        ),
    ] = True,
    airflow: Annotated[
        bool, typer.Option(help="through Airflow's scheduler, or all stages in this process")
    ] = True,
    retrain: Annotated[
        bool, typer.Option(help="train models even when their champions are fresh")
    ] = False,
    release_gate: Annotated[
        list[str] | None,
        typer.Option(help="let through what stopped this gate at its newest check; with --reason"),
    ] = None,
    reason: Annotated[str | None, typer.Option(help="why the gate is released; recorded")] = None,
    output: OutputOption = Output.table,
) -> None:
    """Run the main job: load, build, score, publish, activate, observe.

    A single stage, and a job with --until or --no-send, runs in this process. With --no-send
    nothing is sent, not even the removal of people who opted out. The home's logs/runs has the
    output of each run. Exit status: 0 done, 1 failed, 2 wrong use, 3 a gate or guardrail stopped
    it.

    Example: segmentry run --no-airflow --select features+ --no-send
    """
    settings = Settings.from_environment()
    request = job.JobRequest(
        clock.parse(as_of) if as_of else None, select, retrain, airflow, until=until, sends=send
    )
    for gate in _gates(release_gate or [], reason):
        releases.release(settings, gate, reason)
    started = time.monotonic()
    result = job.run(settings, request)
    _summary.show(_summary.of(settings, result, time.monotonic() - started), output)
    raise typer.Exit(result.exit_code)


def _gates(names: list[str], reason: str | None) -> list[str]:
    """The gates to release, each once, or UsageError for a reason without a gate."""
    if reason is not None and not names:
        raise UsageError(
            "--reason was given without a gate to release",
            allowed="--release-gate GATE --reason TEXT",
            remedy="name the gate, or leave the reason out",
        )
    return list(dict.fromkeys(names))
