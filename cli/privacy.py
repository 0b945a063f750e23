"""``segmentry privacy``: erase people from every store, and export what is known of one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli import _privacy_flows, _privacy_requests
from cli._output import Output, OutputOption, print_json, progress, show
from privacy import access, erasure, open_requests, record, simulated, waiting
from runtime.backup import erased
from segmentry.errors import SegmentryError, UsageError
from segmentry.settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    help="Forget people; export, correct or restrict their data; write records for auditors.",
)
_privacy_requests.add_to(app)
_privacy_flows.add_to(app)


@app.command("forget")
def forget(
    identifiers: Annotated[
        list[str] | None, typer.Argument(help="type:value or profile_id; several are allowed")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="a text file with one of them a line")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="erase; without it, only print what")] = False,
    now: Annotated[
        bool, typer.Option("--now", help="without the grace period of the policies")
    ] = False,
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
            with simulated.running(settings):
                reports = [erasure.finish(settings, one) for one in opened]
            _finished(settings, reports, output)
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
    with progress(f"Erasing {len(asked)} request(s) ..."), simulated.running(settings):
        reports = [erasure.forget(settings, subject, asked, is_now=now)]
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
    """List erasures that are open, with what is left of them; exit code 1 if there is one that is
    not in its grace period.

    Example: segmentry privacy status
    """
    settings = Settings.from_environment()
    rows = [open_requests.described(settings, one) for one in record.opened(settings)]
    show(rows, output, empty="no erasure is open")
    if any(row["state"] != open_requests.WAITING for row in rows):
        raise typer.Exit(1)


@app.command("cancel")
def cancel(
    name: Annotated[str, typer.Argument(help="an erasure of `segmentry privacy status`")],
) -> None:
    """Take a request back in its grace period: nothing of the person is erased.

    Example: segmentry privacy cancel 2f623209b202
    """
    found = waiting.cancel(Settings.from_environment(), name)
    print(f"erasure {found.name} is cancelled; the next syncs reach the people as before")


@app.command("confirm")
def confirm(
    name: Annotated[str, typer.Argument(help="an erasure of `segmentry privacy status`")],
    sync: Annotated[str, typer.Option("--sync", help="the sync whose destination deleted them")],
    receipt: Annotated[str, typer.Option("--receipt", help="the destination's receipt")],
) -> None:
    """Record that a destination has deleted the people of an erasure by hand, with its receipt.

    It is for tools without an end point for deletions, and for places that no credential reaches.

    Example: segmentry privacy confirm 2f623209b202 --sync vip_target --receipt "ticket 4711"
    """
    settings = Settings.from_environment()
    count = open_requests.confirm(settings, name, sync, receipt)
    print(f"{count:,} deletion(s) of {sync} are confirmed; run `segmentry privacy forget` now")


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
            "status": open_requests.state(one.erasure) if one.certificate is None else "done",
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
    erased.add_to_places(settings)
    left = [text for one in reports for text in one.erasure.left]
    if left:
        raise SegmentryError(
            f"{len(left)} place(s) still have something of the people: {'; '.join(left[:10])}",
            allowed="an erasure that has reached every store and destination",
            remedy="make what is named reachable, then run `segmentry privacy forget` again",
        )
