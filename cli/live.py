"""``segmentry live``: memberships within seconds of an event."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import _live
from cli._output import Output, OutputOption

app = typer.Typer(help="Memberships within seconds of an event, between two batches.")

AsOf = Annotated[str | None, typer.Option(help="clock of the evaluation, by default the machine's")]


@app.command()
def run(
    once: Annotated[
        bool, typer.Option("--once", help="take what is in the inbox, then end")
    ] = False,
    every: Annotated[
        float, typer.Option(help="seconds between two looks at the inbox", min=0.05, max=3600)
    ] = 1.0,
    as_of: AsOf = None,
    output: OutputOption = Output.table,
) -> None:
    """Follow the collector's files and keep memberships up to date, until SIGTERM.

    Changes are in live.sqlite of the home and in the real-time store. It may be stopped or killed
    at any time and started again. One engine per home.

    Example: segmentry live run --every 0.5
    """
    _live.run(once, every, as_of, output)


@app.command()
def status(output: OutputOption = Output.table) -> None:
    """Print how far the engine is: lag, events and profiles that wait for a batch.

    Example: segmentry live status
    """
    _live.status(output)


@app.command()
def check(output: OutputOption = Output.table) -> None:
    """Compare live memberships with those of a batch of the same bytes, for every profile.

    The batch runs on a copy of the home, which is removed afterwards. Each difference is listed
    with its cause. Exit status: 0 no difference, or documented exceptions alone; 1 others.

    Example: segmentry live check --output json
    """
    _live.check(output)
