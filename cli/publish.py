"""``segmentry publish``: which state of the lake its readers see, and the way back."""

from __future__ import annotations

import typer

from cli._output import Output, OutputOption, show
from cli._reading import lake_of
from segmentry import published
from segmentry.settings import Settings

app = typer.Typer(help="Show which state of the lake readers see, or go back to the one before.")


@app.command()
def status(output: OutputOption = Output.table) -> None:
    """List what readers see and what they saw before, the newest first.

    `pinned`: readers see that snapshot, because a run is building, a gate has stopped it, or you
    went back. Without it they see the newest state.

    Example: segmentry publish status
    """
    with lake_of(Settings.from_environment()) as lake:
        found = published.publications(lake)
    rows = [
        {"snapshot": one.snapshot_id, "state": one.state, "since": one.written_at} for one in found
    ]
    show(rows, output, empty="nothing was published yet: readers see what a run builds")


@app.command()
def rollback() -> None:
    """Let readers see the publication before the one that they see now.

    It lasts until the next run whose gates pass. Syncs are not pinned: stop them with `enabled:
    false`, or do not run the job.

    Example: segmentry publish rollback
    """
    found = published.go_back(Settings.from_environment())
    typer.echo(
        f"readers see snapshot {found.snapshot_id}, published {found.written_at:%Y-%m-%d %H:%M} UTC"
    )
