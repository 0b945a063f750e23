"""``segmentry privacy``: erase people from every store, and export what is known of one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cli._output import Output, OutputOption, print_json, progress, show
from privacy import access, erasure, record
from segmentry.errors import SegmentryError, UsageError
from segmentry.settings import Settings

app = typer.Typer(
    no_args_is_help=True, help="Forget people, and give a person all that is known of them."
)


@app.command("forget")
def forget(
    identifiers: Annotated[
        list[str] | None, typer.Argument(help="type:value or profile_id; several are allowed")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="a text file with one of them a line")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="erase; without it, only print what")] = False,
    output: OutputOption = Output.table,
) -> None:
    """Erase people everywhere: destinations, files, lake, ledger, models' artifacts, logs, pages.

    Without anybody named, it goes on with erasures that are open. Exit code 1 if something is left.
    Example: segmentry privacy forget email:ann@example.com --yes
    """
    settings = Settings.from_environment()
    asked = [*(identifiers or []), *(_lines(file) if file is not None else [])]
    opened = record.opened(settings)
    if not asked and opened:
        with progress(f"Going on with {len(opened)} open erasure(s) ..."):
            _finished(settings, [erasure.finish(settings, one) for one in opened], output)
        return
    subject, found = erasure.plan(settings, asked)
    if not yes:
        show([{"what": name, "count": count} for name, count in found.items()], output)
        raise UsageError(
            "nothing is erased yet",
            allowed="--yes, after a look at the counts above",
            remedy=(
                "if the profile is two people who were merged wrongly, first run `segmentry"
                " identity unmerge`; then run this again with --yes"
            ),
        )
    with progress(f"Erasing {len(asked)} request(s) ..."):
        reports = [erasure.forget(settings, subject, len(asked))]
    _finished(settings, reports, output)


@app.command("export")
def export(
    identifier: Annotated[str, typer.Argument(help="type:value, or a profile_id")],
    to: Annotated[Path, typer.Option("--to", help="a new or empty folder")],
    output: OutputOption = Output.table,
) -> None:
    """Write all that is known of a person as JSON and CSV, with a page to read.

    Example: segmentry privacy export email:ann@example.com --to ann
    """
    rows = access.export(Settings.from_environment(), identifier, to)
    show([{"file": name, "rows": count} for name, count in rows.items()], output)


@app.command("status")
def status(output: OutputOption = Output.table) -> None:
    """List erasures that are open, with what is left of them; exit code 1 if there is one.

    Example: segmentry privacy status
    """
    opened = record.opened(Settings.from_environment())
    rows: list[dict[str, Any]] = [
        {
            "erasure": one.name,
            "started_at": one.started_at,
            "done": ", ".join(one.done),
            "left": "; ".join(one.left) or "it was interrupted",
        }
        for one in opened
    ]
    show(rows, output, empty="no erasure is open")
    if rows:
        raise typer.Exit(1)


def _lines(file: Path) -> list[str]:
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UsageError(
            f"{file} is no text in UTF-8",
            allowed="a text file with one identifier a line, type:value",
            remedy="save it as plain text",
        ) from None
    return [line.strip() for line in text.splitlines() if line.strip()]


def _finished(settings: Settings, reports: list[erasure.ErasureReport], output: Output) -> None:
    rows = [
        {
            "erasure": one.erasure.name,
            "status": "open" if one.erasure.left else "done",
            "requests": one.erasure.people,
            "seconds": round(one.seconds, 1),
            "seconds_per_person": round(one.seconds / max(one.erasure.people, 1), 3),
            "certificate": str(one.certificate or ""),
        }
        for one in reports
    ]
    if output is Output.json:
        print_json(rows)
    else:
        show(rows, output)
    left = [text for one in reports for text in one.erasure.left]
    if left:
        raise SegmentryError(
            f"{len(left)} place(s) still have something of the people: {'; '.join(left[:10])}",
            allowed="an erasure that has reached every store and destination",
            remedy="make what is named reachable, then run `segmentry privacy forget` again",
        )
