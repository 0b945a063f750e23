"""``segmentry status``: what ``segmentry up`` started, and whether it still works."""

from __future__ import annotations

import typer

from cli._output import Output, OutputOption, show
from runtime import services
from segmentry.settings import Settings


def command(output: OutputOption = Output.table) -> None:
    """List the programs of `segmentry up`: up, down, silent or not started.

    Exit status: 1 if one that was started is down or does not answer; `segmentry up` starts it.

    Example: segmentry status --output json
    """
    found = services.states(Settings.from_environment())
    show(found, output)
    if any(row["state"] in ("down", "silent") for row in found):
        raise typer.Exit(1)
