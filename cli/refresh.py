"""``segmentry refresh``: memberships and audiences follow what arrived, between two main jobs."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from cli import _summary
from cli._output import Output, OutputOption
from runtime import job
from segmentry.settings import Settings


def command(
    send: Annotated[
        bool,
        typer.Option("--send/--no-send", help="call destinations, or leave that to the main job"),
    ] = True,
    output: OutputOption = Output.table,
) -> None:
    """Load what arrived and bring profiles, segments and audiences up to date with it.

    Models are not trained and do not score: their newest scores apply. Syncs whose files state
    `schedule: each_refresh` are run; of every other sync the removals of people who opted out are
    sent. With --no-send nothing is sent, not even those. Exit status: 0 done or nothing to do, 1
    failed, 2 wrong use, 3 a gate or guardrail stopped it.

    Example: segmentry refresh --no-send
    """
    settings = Settings.from_environment()
    started = time.monotonic()
    result = job.refreshed(settings, sends=send)
    sections = ("gates", "segments") if len(result.outcomes) > 1 else ()
    _summary.show(_summary.of(settings, result, time.monotonic() - started, sections), output)
    raise typer.Exit(result.exit_code)
