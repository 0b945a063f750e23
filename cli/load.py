"""``segmentry load``: lands sources in raw."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cli._output import Output, OutputOption, show
from runtime.console import errors
from segmentry.errors import UsageError
from segmentry.settings import Settings
from sources import loading, stages
from sources.definitions import all_sources, source_named

# Quiet loads are short: the first sign of life comes after this, and then as often.
PROGRESS_SECONDS = 2.0


def command(
    source: Annotated[str | None, typer.Argument(help="a source of config/sources/")] = None,
    paths: Annotated[
        list[str] | None, typer.Argument(help="files, folders or globs; else its configured place")
    ] = None,
    from_: Annotated[
        Path | None,
        typer.Option("--from", help="land each folder in here that bears a source's name"),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="land a file of which every record is faulty, or one that was withdrawn"
        ),
    ] = False,
    output: OutputOption = Output.table,
) -> None:
    """Land records verbatim in raw.<source>; loading the same content again adds nothing.

    A file of which every record is faulty is refused: nothing of it is landed, and the exit status
    is 1.

    Example: segmentry load orders exports/orders-*.parquet
    """
    settings = Settings.from_environment()
    wanted = _wanted(settings, source, paths or [], from_)
    stages.ensure_raw(settings)
    progress = _Progress()
    reports = [
        report
        for name, places in wanted.items()
        for report in loading.load(
            settings,
            source_named(settings, name),
            places,
            progress,
            refuses_faulty=True,
            is_forced=force,
        )
    ]
    show(
        [asdict(report) for report in reports],
        output,
        empty="nothing to load: no file at the configured places",
    )
    if any(report.is_failed for report in reports):
        raise typer.Exit(1)


def _wanted(
    settings: Settings, source: str | None, paths: list[str], folder: Path | None
) -> dict[str, list[str]]:
    if (source is None) == (folder is None):
        raise UsageError(
            (
                "neither a source nor --from was given"
                if source is None
                else "a source and --from were given together"
            ),
            allowed="segmentry load SOURCE [PATH...], or segmentry load --from DIR",
            remedy="give one of the two",
        )
    if folder is None:
        assert source is not None
        return {source_named(settings, source).name: paths}
    found = {
        name: [str(folder / name)] for name in all_sources(settings) if (folder / name).is_dir()
    }
    if not found:
        raise UsageError(
            f"{folder} has no folder with the name of a source",
            allowed=", ".join(all_sources(settings)),
            remedy=(
                "name the folder that has them, or load one source with `segmentry load SOURCE"
                " PATH`"
            ),
        )
    return found


class _Progress:
    """Prints the progress of a long load on standard error."""

    def __init__(self) -> None:
        self._printed_at = time.monotonic()

    def __call__(self, file: str, records: int) -> None:
        if time.monotonic() - self._printed_at >= PROGRESS_SECONDS:
            self._printed_at = time.monotonic()
            errors.print(f"{Path(file).name}: {records:,} records")
