"""``segmentry sync``: plan, apply, retry, status and verify the deliveries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from activation import explain as explaining
from activation import history as histories
from activation import operate, retirement
from cli import _sync_look, _sync_trial
from cli._output import Output, OutputOption, print_json, progress, show
from cli._reading import without_pandas
from runtime.console import errors
from segmentry.errors import SegmentryError
from segmentry.settings import Settings

app = typer.Typer(
    no_args_is_help=True, help="Plan, send and check the deliveries to marketing tools."
)

Select = Annotated[
    list[str] | None,
    typer.Option("--select", "-s", help="a sync's name; may be given several times"),
]

app.command("test")(_sync_trial.test)
app.command("preview")(_sync_look.preview)
app.command("show")(_sync_look.show)
app.command("diff")(_sync_look.diff)


@app.command("plan")
def plan(
    select: Select = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="write the plan to this file, for `apply --plan`")
    ] = None,
    output: OutputOption = Output.table,
) -> None:
    """Show what would be sent, and send nothing.

    Example: segmentry sync plan --select newsletter_file --out plan.json
    """
    settings = Settings.from_environment()
    with progress("Comparing the audiences with the ledger ..."):
        rows = operate.plan(settings, select or [])
    if out is not None:
        operate.write_plan(out, rows)
    show(rows, output, empty="there is no sync")


@app.command("apply")
def apply(
    select: Select = None,
    file: Annotated[
        Path | None, typer.Option("--plan", help="send exactly the plan of this file, or nothing")
    ] = None,
    release: Annotated[
        str, typer.Option("--release", help="names of guardrails to release, separated by commas")
    ] = "",
    output: OutputOption = Output.table,
) -> None:
    """Send the planned changes, sync by sync; one that fails stops no other.

    Example: segmentry sync apply --select newsletter_file
    """
    settings = Settings.from_environment()
    released = [word.strip() for word in release.split(",") if word.strip()]
    with progress("Sending ..."):
        rows, failures = operate.apply(settings, select or [], released, file)
    show(rows, output, empty="there is no sync to run")
    _fail(failures)
    _fail_undone(rows)


@app.command("retry")
def retry(select: Select = None, output: OutputOption = Output.table) -> None:
    """Send again the rows that were refused before.

    Example: segmentry sync retry --select klaviyo_list
    """
    with progress("Sending refused rows again ..."):
        rows, failures = operate.retry(Settings.from_environment(), select or [])
    show(rows, output, empty="there is no sync to run")
    _fail(failures)
    _fail_undone(rows)


@app.command("status")
def status(select: Select = None, output: OutputOption = Output.table) -> None:
    """Show each sync's last run, its rows at the destination, and what waits for an operator.

    Example: segmentry sync status
    """
    with without_pandas():
        rows = operate.status(Settings.from_environment(), select or [])
    show(rows, output, empty="there is no sync")


@app.command("retire")
def retire(
    name: Annotated[str, typer.Argument(help="an orphaned sync, as `sync status` lists it")],
    yes: Annotated[
        bool, typer.Option("--yes", help="remove the rows; else only state them")
    ] = False,
) -> None:
    """Remove every row of a deleted or disabled sync from its destination, and close the sync.

    The rows are removed by the configuration and the connection that they were sent with. A
    campaign or file that has been used already is not undone.

    Example: segmentry sync retire old_newsletter --yes
    """
    settings = Settings.from_environment()
    found = retirement.orphan_named(settings, name)
    if not yes:
        print(f"{found.rows:,} row(s) of {name} would be removed from {found.destination}.")
        print(f"Next: `segmentry sync retire {name} --yes`")
        return
    with progress("Removing ..."):
        report = retirement.retire(settings, name)
    print("\n".join(report.notes))
    if report.status != retirement.RETIRED:
        raise typer.Exit(1)


@app.command("explain")
def explain(
    name: Annotated[
        str,
        typer.Argument(metavar="SYNC", help="name of a sync, as `segmentry sync status` shows it"),
    ],
    person: Annotated[
        str, typer.Argument(help="profile_id, or type:value such as email:ann@example.com")
    ],
    output: OutputOption = Output.table,
) -> None:
    """Explain why a sync sends to a person, or does not.

    Example: segmentry sync explain newsletter_file email:ann@example.com
    """
    found = explaining.person(Settings.from_environment(), name, person)
    if output is Output.json:
        print_json(found)
        return
    print(f"{found.pop('answer')}\n")
    segments = found.pop("segments")
    changes = found.pop("changes")
    show([{"fact": key, "value": value} for key, value in found.items()], output)
    show(
        segments, output, title="\nsegments of the sync", empty="\nsegments: the person is in none"
    )
    show(
        changes,
        output,
        title="\nwhat was done",
        empty="\nnothing was ever done with the person's rows",
    )


@app.command("history")
def history(
    name: Annotated[
        str, typer.Argument(metavar="SYNC", help="name of a sync, one that is deleted too")
    ],
    person: Annotated[
        str,
        typer.Option("--profile", help="profile_id, or type:value such as email:ann@example.com"),
    ],
    output: OutputOption = Output.table,
) -> None:
    """Show everything that a sync ever did with a person's rows, oldest first.

    Example: segmentry sync history newsletter_file --profile email:ann@example.com
    """
    rows = histories.person(Settings.from_environment(), name, person)
    show(rows, output, empty="nothing was ever done with the person's rows")


@app.command("verify")
def verify(
    select: Select = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="send what is missing; surplus is never removed")
    ] = False,
    output: OutputOption = Output.table,
) -> None:
    """Read the destinations back and compare them with the ledger.

    Example: segmentry sync verify --select klaviyo_list
    """
    with progress("Reading the destinations back ..."):
        rows, failures = operate.verify(Settings.from_environment(), select or [], repair=repair)
    show(rows, output, empty="there is no sync")
    _fail(failures)
    if any((row["missing"] and not repair) or row["surplus"] for row in rows):
        raise typer.Exit(1)


def _fail_undone(rows: Sequence[Mapping[str, object]]) -> None:
    """End with 1 where a row was not taken, or a credential is missing: the table names it."""
    if any(row["status"] in operate.UNDONE for row in rows):
        raise typer.Exit(1)


def _fail(failures: list[SegmentryError]) -> None:
    """Name each failure, then end with the code of the first that failed, else of the first that
    was stopped.
    """
    for error in failures:
        errors.print(str(error))
    if failures:
        raise typer.Exit(min(error.exit_code for error in failures))
