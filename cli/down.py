"""``segmentry down``: stops what ``segmentry up`` started."""

from __future__ import annotations

from cli import _services
from cli._output import Output, OutputOption, show
from segmentry.settings import Settings


def command(output: OutputOption = Output.table) -> None:
    """Stop everything that `segmentry up` started in this home.

    Example: segmentry down
    """
    stopped = _services.down(Settings.from_environment())
    show([{"stopped": service.name} for service in stopped], output, empty="nothing was up")
