"""``segmentry consent``: record a decision, and list the refusals without a match."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from activation import opt_out_pull, suppression_lists
from cli._output import Output, OutputOption, print_json, show
from live.store import opt_outs
from runtime.console import errors
from segmentry import statements, withdrawals
from segmentry.errors import SegmentryError, UsageError
from segmentry.settings import Settings
from sources import decision_files, decisions

app = typer.Typer(
    no_args_is_help=True, help="Record opt-outs and opt-ins, and see refusals that match nobody."
)


class Purpose(StrEnum):
    """Purposes; any for all of them."""

    marketing = "marketing"
    advertising = "advertising"
    personalization = "personalization"
    analytics = "analytics"
    profiling = "profiling"
    any = "any"


class Channel(StrEnum):
    """Channels; any for all of them."""

    email = "email"
    sms = "sms"
    push = "push"
    ads = "ads"
    any = "any"


ChannelOption = Annotated[
    Channel, typer.Option("--channel", "-c", help="by which channel; any for all of them")
]
FileOption = Annotated[
    Path | None,
    typer.Option(
        "--file",
        help="CSV or NDJSON with one identifier a row; its own purpose, channel, proof and"
        " occurred_at count for the row",
    ),
]


@app.command("withdraw")
def withdraw(
    identifier: Annotated[
        str | None,
        typer.Argument(help="type:value such as email:ann@example.com, or a profile_id"),
    ] = None,
    file: FileOption = None,
    purpose: Annotated[
        Purpose, typer.Option("--purpose", "-p", help="what is refused; any for all")
    ] = Purpose.any,
    channel: ChannelOption = Channel.any,
    output: OutputOption = Output.table,
) -> None:
    """Record that a person, or each one of a file, opted out. It counts for every request that
    starts from now on, with everything that the identifier may mean.

    Of a file, every row that can be recorded is, in one commit; the others are named by their line.
    Exit status: 0 all was recorded, 1 some rows were not, 2 nothing was.

    Example: segmentry consent withdraw email:ann@example.com --purpose marketing
    """
    _record(
        identifier, file, statements.Decision("withdrawn", purpose.value, channel.value), output
    )


@app.command("grant")
def grant(
    identifier: Annotated[
        str | None,
        typer.Argument(help="type:value; a grant counts for the identifier it was given for"),
    ] = None,
    proof: Annotated[
        str, typer.Option("--proof", help="what shows it: a form, a letter, a recording")
    ] = "",
    file: FileOption = None,
    purpose: Annotated[
        Purpose, typer.Option("--purpose", "-p", help="what is granted")
    ] = Purpose.marketing,
    channel: ChannelOption = Channel.any,
    output: OutputOption = Output.table,
) -> None:
    """Record that a person, or each one of a file, opted in, with the proof of it. It lifts earlier
    refusals that are no more specific.

    Of a file, every row that has a proof and can be recorded is; the others are named by their
    line. Exit status: 0 all was recorded, 1 some rows were not, 2 nothing was.

    Example: segmentry consent grant email:ann@example.com --proof "signed form of 3 May" --channel
    email
    """
    _record(
        identifier,
        file,
        statements.Decision("granted", purpose.value, channel.value, proof),
        output,
    )


def _record(
    identifier: str | None, file: Path | None, decision: statements.Decision, output: Output
) -> None:
    if (identifier is None) == (file is None):
        given = "neither an identifier nor a file" if file is None else "an identifier and a file"
        raise UsageError(
            f"{given} was given",
            allowed="one identifier, or --file with the path of a file of them",
            remedy="name the one or the other",
        )
    settings = Settings.from_environment()
    if identifier is not None:
        row = decisions.record(settings, identifier, decision)
        _mark(settings, decision)
        show([row], output)
        return
    assert file is not None
    recorded = decision_files.record_file(settings, file, decision)
    _mark(settings, decision)
    _show_file(recorded, output)


def _mark(settings: Settings, decision: statements.Decision) -> None:
    """Have the profile API answer by the refusal from now on; it counts for syncs already."""
    if decision.is_grant:
        return
    try:
        opt_outs.mark_now(settings)
    except SegmentryError as error:
        errors.print(f"recorded, but the real-time store was not marked: {error}")


def _show_file(done: decision_files.RecordedFile, output: Output) -> None:
    faults = [{"line": fault.line, "reason": fault.reason} for fault in done.faults]
    counts = {"rows": done.rows, "recorded": done.recorded, "not_recorded": len(faults)}
    if output is Output.json:
        print_json([{**counts, **done.effect, "faults": faults}])
    else:
        show([{**counts, **done.effect}], output)
        if faults:
            print()
            show(faults, output)
    if faults or not done.rows:
        errors.print(f"{done.recorded:,} of {done.rows:,} row(s) were recorded")
        raise typer.Exit(1 if done.recorded else 2)


@app.command("unmatched")
def unmatched(output: OutputOption = Output.table) -> None:
    """Count the refusals that match no known identifier, and those that count for all that they may
    mean.

    Example: segmentry consent unmatched --output json
    """
    rows = withdrawals.unmatched(Settings.from_environment())
    show(rows, output, empty="every refusal matches a known identifier")


@app.command("pull")
def pull(
    account: Annotated[
        str | None,
        typer.Argument(help="an entry of consent/opt_outs in policies.yml; none for all"),
    ] = None,
    output: OutputOption = Output.table,
) -> None:
    """Read opt-outs back from the tools that people unsubscribe in. Each one counts for every
    request that starts from now on; an opt-in there is none here.

    Every sync does this before it sends. Exit status 1 if an account could not be read.

    Example: segmentry consent pull klaviyo
    """
    settings = Settings.from_environment()
    faults: list[SegmentryError] = []
    if account is not None:
        done = [opt_out_pull.pull(settings, account)]
    else:
        done, faults = opt_out_pull.pull_all(settings)
    rows = [
        {
            "account": one.account.name,
            "tool": one.account.tool,
            "new": one.new,
            "read": one.read,
            "no_opt_out": one.others,
            "requests": one.requests,
        }
        for one in done
    ]
    show(rows, output, empty="no account was read: see consent/opt_outs in config/policies.yml")
    opt_outs.mark_now(settings)
    for fault in faults:
        errors.print(str(fault))
    if faults:
        raise typer.Exit(1)


@app.command("lists")
def lists(output: OutputOption = Output.table) -> None:
    """Read the suppression lists of the policy, and show how many identifiers each has. Exit status
    1 if one cannot be read: then nothing is added or updated anywhere.

    Example: segmentry consent lists
    """
    rows = suppression_lists.state(Settings.from_environment())
    show(rows, output, empty="config/policies.yml names no list: see consent/suppression_lists")
    if any(row["fault"] for row in rows):
        raise typer.Exit(1)
