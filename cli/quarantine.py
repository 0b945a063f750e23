"""``segmentry quarantine``: records that staging rejected."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from cli._output import Output, OutputOption, progress, show
from runtime.console import errors
from segmentry import warehouse
from segmentry.errors import UsageError
from segmentry.settings import Settings
from sources import quarantine
from sources.definitions import raw_tables

app = typer.Typer(
    no_args_is_help=True, help="Look at rejected records, have them judged again, or dismiss them."
)
Source = Annotated[str | None, typer.Option(help="records of this source")]
Reason = Annotated[str | None, typer.Option("--quarantine-reason", help="records with this reason")]
Batch = Annotated[str | None, typer.Option(help="records of this batch")]
Id = Annotated[str | None, typer.Argument(help="one record, as BATCH:LINE")]


def _settings() -> Settings:
    settings = Settings.from_environment()
    warehouse.prepare(settings)
    return settings


@app.command("list")
def list_records(
    source: Source = None,
    reason: Annotated[str | None, typer.Option(help="records with this reason")] = None,
    batch: Batch = None,
    limit: Annotated[int, typer.Option(min=1, help="most records to print")] = 50,
    output: OutputOption = Output.table,
) -> None:
    """List rejected records, the newest batch first, without their values.

    Example: segmentry quarantine list --source crm_contacts --reason missing_field
    """
    settings = Settings.from_environment()
    rows = quarantine.find(settings, quarantine.Selection(source, reason, batch), limit + 1)
    show(rows[:limit], output, empty="no record is in quarantine")
    if len(rows) > limit:
        errors.print(f"the first {limit} are shown; --limit prints more")


@app.command("show")
def show_record(
    record: Annotated[str, typer.Argument(help="the record, as BATCH:LINE")],
    values: Annotated[
        bool, typer.Option("--values", help="print the record's text, with personal values")
    ] = False,
    output: OutputOption = Output.table,
) -> None:
    """Show one rejected record: why it was rejected, and the names of its fields.

    Example: segmentry quarantine show 0123456789abcdef:7
    """
    show([quarantine.show(_settings(), record, with_values=values)], output)


@app.command("replay")
def replay(
    record: Id = None,
    source: Source = None,
    reason: Annotated[str | None, typer.Option(help="records with this reason")] = None,
    batch: Batch = None,
    output: OutputOption = Output.table,
) -> None:
    """Judge rejected records again by today's rules; their sources are judged in full.

    Example: segmentry quarantine replay --source orders
    """
    settings = _settings()
    with progress("judging the records again"):
        result = quarantine.replay(
            settings, quarantine.Selection(source, reason, batch, record), raw_tables(settings)
        )
    show([asdict(result)], output)


@app.command("dismiss")
def dismiss(
    record: Id = None,
    source: Source = None,
    quarantine_reason: Reason = None,
    batch: Batch = None,
    reason: Annotated[
        str | None, typer.Option(help="why; recorded with your name and the time")
    ] = None,
) -> None:
    """Dismiss rejected records: they stay in the balance and no longer count in the gate's share.

    Example: segmentry quarantine dismiss --batch 0123456789abcdef --reason "test records of the
    agency"
    """
    selection = quarantine.Selection(source, quarantine_reason, batch, record)
    if selection.is_empty:
        raise UsageError(
            "nothing was selected to dismiss",
            allowed="a record, --source, --quarantine-reason or --batch",
            remedy="select the records to dismiss",
        )
    print(f"dismissed {quarantine.dismiss(_settings(), selection, reason):,} record(s)")
