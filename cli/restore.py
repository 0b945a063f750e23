"""``segmentry restore``: a backup into an empty home."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli._output import Output, OutputOption, progress, show
from privacy import again, simulated
from runtime.backup import restoring, sealing
from segmentry.errors import SegmentryError
from segmentry.settings import Settings


def command(
    place: Annotated[str, typer.Argument(help="a folder, or s3://bucket/prefix")],
    backup: Annotated[
        str | None, typer.Option("--backup", help="a backup's name; the newest without it")
    ] = None,
    erasures: Annotated[
        Path | None,
        typer.Option(
            "--erasures", help="a copy of privacy/tombstones that is newer than the place's"
        ),
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option("--key-file", help="file of the key; else as for `segmentry backup`"),
    ] = None,
    output: OutputOption = Output.table,
) -> None:
    """Restore a backup into an empty SEGMENTRY_HOME, and erase again who was forgotten since.

    Every sync then stops until `segmentry backup release`. After a kill, run it again.

    Example: segmentry restore backups
    """
    settings = Settings.from_environment()
    with progress("Restoring ..."):
        key = sealing.key_of(key_file)
        done = restoring.restore(settings, place, key, backup, erasures)
    with progress("Erasing again who was forgotten since ..."), simulated.running(settings):
        reports = again.erase(settings)
    left = [text for one in reports for text in one.erasure.left]
    restoring.finish(settings)
    row = {
        **done.manifest.described(),
        "new_tombstones": done.new_erasures,
        "erased_again": sum(len(one.erasure.subject.profiles) for one in reports),
    }
    show([row], output)
    if output is Output.table:
        print("\nEvery sync stops until `segmentry backup release --reason TEXT`.")
    if left:
        raise SegmentryError(
            f"{len(left)} place(s) still have forgotten people: {'; '.join(left[:10])}",
            allowed="an erasure that has reached every store and destination",
            remedy="make what is named reachable, then run `segmentry privacy forget`",
        )
