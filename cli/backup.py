"""``segmentry backup``: copies of the home that a restore begins from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli._output import Output, OutputOption, progress, show
from runtime.backup import checking, creating, erased, releasing, sealing
from segmentry.errors import SegmentryError
from segmentry.settings import Settings

app = typer.Typer(
    no_args_is_help=True, help="Back up the home while jobs run, and check what a place has."
)
Place = Annotated[str, typer.Argument(help="a folder outside the home, or s3://bucket/prefix")]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key-file", help="file of the key; else SEGMENTRY_BACKUP_KEY or SEGMENTRY_BACKUP_KEY_FILE"
    ),
]
Backup = Annotated[
    str | None, typer.Option("--backup", help="a backup's name, as `backup list` shows it")
]


@app.command("create")
def create(
    place: Place,
    key_file: KeyFile = None,
    keep: Annotated[
        int | None, typer.Option("--keep", help="remove all but so many of the newest backups")
    ] = None,
    output: OutputOption = Output.table,
) -> None:
    """Back up the home to a place; what is there already is not stored again. Jobs may run.

    With a key everything is encrypted, and secrets are in the backup too.

    Example: segmentry backup create backups --keep 14
    """
    with progress("Backing up ..."):
        made = creating.create(Settings.from_environment(), place, sealing.key_of(key_file), keep)
    row = {**made.described(), "notes": "; ".join(made.notes)}
    show([row], output)
    if output is Output.table:
        show([{"not in it": name, "why": why} for name, why in made.left_out.items()], output)


@app.command("list")
def list_(place: Place, key_file: KeyFile = None, output: OutputOption = Output.table) -> None:
    """List the backups of a place, the oldest first.

    Example: segmentry backup list backups
    """
    rows = checking.backups(Settings.from_environment(), place, sealing.key_of(key_file))
    show(rows, output, empty="there is no backup")


@app.command("verify")
def verify(
    place: Place,
    backup: Backup = None,
    key_file: KeyFile = None,
    output: OutputOption = Output.table,
) -> None:
    """Read every byte of every backup, or of one, and compare it with its hash; exit code 1 for a
    damaged one.

    Example: segmentry backup verify backups
    """
    with progress("Reading the backups ..."):
        found = checking.verify(
            Settings.from_environment(), place, sealing.key_of(key_file), backup
        )
    rows = [one.described() for one in found]
    show(rows, output, empty="there is no backup")
    if damaged := [str(row["backup"]) for row in rows if row["verdict"] == "damaged"]:
        raise SegmentryError(
            f"{len(damaged)} backup(s) are damaged: {', '.join(damaged)}",
            allowed="backups that can be read whole",
            remedy="make a new backup; it stores the missing objects again if the home has them",
        )


@app.command("erasures")
def erasures() -> None:
    """Copy the list of erasures (keyed hashes) to every place of backups. Each backup and each
    erasure does it too.

    Example: segmentry backup erasures
    """
    settings = Settings.from_environment()
    erased.add_to_places(settings)
    print(f"{len(erased.places(settings))} place(s) have the list of erasures")


@app.command("release")
def release(
    reason: Annotated[str | None, typer.Option("--reason", help="why; recorded")] = None,
) -> None:
    """Let syncs go on after a restore, once opt-outs and suppression lists were read again.

    Example: segmentry backup release --reason "opt-outs of the week are in"
    """
    releasing.release(Settings.from_environment(), reason)
    print("the restore is released; `segmentry sync plan` shows what the next run sends")
