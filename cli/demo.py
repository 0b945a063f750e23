"""``segmentry demo``: the whole main job on a simulated shop, with simulated marketing tools to
send to.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from cli import _summary
from cli._output import Output, OutputOption
from runtime import job
from runtime.console import errors
from segmentry import dbt
from segmentry.settings import Settings


def command(
    people: Annotated[int, typer.Option(help="people of the shop")] = 5_000,
    days: Annotated[int, typer.Option(help="days with data")] = 270,
    seed: Annotated[int, typer.Option(help="same arguments, same shop")] = 1,
    airflow: Annotated[
        bool, typer.Option(help="through Airflow's scheduler, or all stages in this process")
    ] = True,
    output: OutputOption = Output.table,
) -> None:
    """Simulate a shop into the inbox, unless it is there, and run the main job on it. `make run`
    calls this.

    Example: segmentry demo --people 500 --days 90
    """
    settings = Settings.from_environment()
    started = time.monotonic()
    with dbt.parsed_meanwhile(settings):
        _simulate(settings, people, days, seed)
    with _marketing_tools(settings):
        result = job.run(settings, job.JobRequest(through_airflow=airflow, own_airflow=True))
    _summary.show(_summary.of(settings, result, time.monotonic() - started), output)
    raise typer.Exit(result.exit_code)


def _simulate(settings: Settings, people: int, days: int, seed: int) -> None:
    from simulator import output as folder
    from simulator.run import SimulationRequest

    inbox = Path(os.environ.get("SEGMENTRY_INBOX") or settings.home / "inbox")
    request = SimulationRequest(people=people, days=days, seed=seed, out=inbox)
    folder.fill(request, lambda text: errors.print(text), force=False)


@contextmanager
def _marketing_tools(settings: Settings) -> Iterator[None]:
    """Tools that take what is sent to them; the syncs find them by these variables."""
    from simulator import receiver

    with receiver.running(settings) as variables:
        os.environ.update(variables)
        yield
