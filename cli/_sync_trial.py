"""``segmentry sync test``: the checks of a sync, and one row as it would leave."""

from __future__ import annotations

from typing import Annotated

import typer

from activation import examine, trial
from activation import opened as opening
from cli._output import Output, OutputOption, print_json, progress, show
from segmentry import sync_files
from segmentry.settings import Settings


def test(
    name: Annotated[
        str,
        typer.Argument(metavar="SYNC", help="name of a sync, as `segmentry sync status` shows it"),
    ],
    person: Annotated[
        str | None,
        typer.Option("--profile", help="whose row; profile_id, or type:value; else any"),
    ] = None,
    send: Annotated[bool, typer.Option("--send", help="send the row, and show the answer")] = False,
    identifiers: Annotated[
        bool, typer.Option("--identifiers", help="show what names the person, unmasked")
    ] = False,
    create: Annotated[
        bool, typer.Option("--create", help="make the list or audience if it does not exist")
    ] = False,
    output: OutputOption = Output.table,
) -> None:
    """Check a sync at its tool, and show the exact request of one row.

    It asks for credentials and rights, whether the list or audience exists, and whether each column
    has a field of a fitting type there. Nothing is written without `--send` or `--create`. With
    `--send` consent is checked as in every run, and the row is the sync's from then on. Exit status
    0: no fault; 1: a fault, or the row was not taken; 2: wrong use; 3: a guardrail.

    Example: segmentry sync test klaviyo_list --profile email:ann@example.com
    """
    settings = Settings.from_environment()
    sync = sync_files.one(settings, name)
    with opening.open_sync(settings, name) as opened:
        with progress("Asking the tool ..."):
            made = [examine.create(opened, sync)] if create else []
            found = [*made, *examine.answers(opened, sync)]
        is_faulty = any(one.verdict == examine.FAULT for one in found)
        _show_checks(found, output)
        if send and is_faulty:
            print("\nnothing was sent: correct the faults first")
            raise typer.Exit(1)
        call = trial.send if send else trial.shown
        _show_trial(call(opened, sync, person, has_identifiers=identifiers), found, output)
    if is_faulty:
        raise typer.Exit(1)


def _show_checks(found: list[examine.CheckResult], output: Output) -> None:
    if output is Output.table:
        rows = [
            {"check": one.check, "verdict": one.verdict, "detail": one.detail, "to do": one.todo}
            for one in found
        ]
        show(rows, output)


def _show_trial(made: trial.TrialRow, found: list[examine.CheckResult], output: Output) -> None:
    if output is Output.json:
        print_json(
            {
                "checks": [vars(one) for one in found],
                "row": dict(made.values),
                "requests": [vars(one) for one in made.requests],
                "status": made.status,
                "reason": made.reason,
            }
        )
    else:
        rows = [{"column": name, "value": str(value)} for name, value in made.values.items()]
        show(rows, output, title="\nthe row")
        for one in made.requests:
            print(f"\n{one.method} {one.address}")
            for header, value in one.headers.items():
                print(f"{header}: {value}")
            print(f"\n{one.body}" if one.body else "")
            if one.status:
                print(f"-> {one.status}\n{one.answer}")
        print(f"\noutcome: {made.status}" + (f": {made.reason}" if made.reason else ""))
    if made.status not in ("sent", "not sent"):
        raise typer.Exit(1)
