"""``segmentry maintain``: removes what no policy, erasure or job needs any more."""

from __future__ import annotations

from typing import Annotated

import typer

from cli._output import Output, OutputOption, show
from runtime.console import errors
from runtime.maintenance import running
from segmentry.settings import Settings


def command(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="print what would be removed, and remove nothing")
    ] = False,
    output: OutputOption = Output.table,
) -> None:
    """Merge small files, expire old snapshots, and remove old logs and runs of Airflow.

    How long each stays is in `maintenance` of policies.yml. No job and no backup may run meanwhile.

    Example: segmentry maintain --dry-run
    """
    settings = Settings.from_environment()
    steps = running.plan(settings) if dry_run else running.maintain(settings, errors.print)
    name = "at_least_freed_bytes" if dry_run else "freed_bytes"
    show([{"step": one.name, "what": one.detail, name: one.freed} for one in steps], output)
