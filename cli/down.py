"""``segmentry down``: stops what ``segmentry up`` started."""

from __future__ import annotations

from cli._output import Output, OutputOption, show
from runtime import services
from segmentry.settings import Settings


def command(output: OutputOption = Output.table) -> None:
    """Stop everything that `segmentry up` started in this home.

    Example: segmentry down
    """
    stopped = services.down(Settings.from_environment())
    show([{"stopped": service.name} for service in stopped], output, empty="nothing was up")
