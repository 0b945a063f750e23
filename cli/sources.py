"""``segmentry sources``: where records come from, what is landed, and how a batch is withdrawn."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from cli._output import Output, OutputOption, show
from cli._reading import lake_of
from runtime.console import errors
from segmentry import warehouse
from segmentry.settings import Settings
from sources import checking, landing, sampling, scaffold, stages, withdrawal
from sources.columns import shown_name
from sources.definitions import all_sources, source_named

app = typer.Typer(
    no_args_is_help=True, help="List the sources, check a file, and withdraw a landed batch."
)


@app.command("list")
def list_sources(output: OutputOption = Output.table) -> None:
    """List the sources with what is landed of each.

    Example: segmentry sources list
    """
    settings = Settings.from_environment()
    sources = all_sources(settings)
    stages.ensure_raw(settings)
    sql = (
        "select source, count(*) as batches, sum(records) as records, max(loaded_at) as"
        f" last_loaded_at from lake.{landing.LOADS} group by source"
    )
    landed = {row["source"]: row for row in _rows(settings, sql)}
    maps = {
        name: source.mapping.kind if source.mapping else None for name, source in sources.items()
    }
    nothing = {"batches": 0, "records": 0, "last_loaded_at": None}
    show(
        [
            {"source": name, **nothing, **landed.get(name, {}), "maps_to": maps[name]}
            for name in sources
        ],
        output,
    )


@app.command("show")
def show_source(
    source: Annotated[str, typer.Argument(help="a source of config/sources/")],
    limit: Annotated[int, typer.Option(min=1, help="most batches to print")] = 20,
    output: OutputOption = Output.table,
) -> None:
    """Show the newest batches of a source, and what staging made of each.

    Example: segmentry sources show orders
    """
    settings = Settings.from_environment()
    name = source_named(settings, source).name
    stages.ensure_raw(settings)
    with lake_of(settings) as lake:
        has_balance = warehouse.relation_exists(lake, "staging.landing_balance")
    balance = "lake.staging.landing_balance" if has_balance else _NO_BALANCE
    sql = f"""
        select l.batch_id as batch, l.file, l.loaded_at, l.records, b.accepted, b.quarantined,
            b.duplicates, l.problem
        from lake.{landing.LOADS} as l
        left join {balance} as b on l.source = b.source and l.batch_id = b.batch_id
        where l.source = ? order by l.loaded_at desc limit {limit}
    """
    show(_rows(settings, sql, [name]), output, empty=f"nothing of '{name}' is landed")


@app.command("check")
def check_file(
    file: Annotated[str, typer.Argument(help="the file")],
    source: Annotated[
        str | None, typer.Option(help="the source; else the one whose columns the file has")
    ] = None,
    output: OutputOption = Output.table,
) -> None:
    """Read a file as loading would, and land nothing; exit 1 for a file that loading would refuse.

    Example: segmentry sources check exports/contacts.csv --source crm_contacts
    """
    report = checking.check(Settings.from_environment(), file, source)
    show([asdict(report)], output)
    if report.is_failed:
        raise typer.Exit(1)


@app.command("sample")
def sample_file(
    source_or_file: Annotated[str, typer.Argument(help="a file, or a source with a file")],
    output: OutputOption = Output.table,
) -> None:
    """Show what a file contains: columns, types, shapes of values, identifiers, times and opt-outs.

    No value is printed. Exit 1 for a file without columns.

    Example: segmentry sources sample exports/receipts.csv
    """
    found = sampling.sample(Settings.from_environment(), source_or_file)
    rows = [
        {
            "column": shown_name(column.name),
            "type": column.type,
            "format": column.form.shown,
            "empty": f"{column.empty:.0%}",
            "examples": "  ".join(column.shapes),
            "identifier": column.identifier,
            "is_time": column.is_time,
            "is_opt_out": column.is_opt_out,
            "ambiguity": column.ambiguity,
        }
        for column in found.columns
    ]
    show(rows, output)
    errors.print(
        f"{found.records:,} record(s) read as {found.format}, {found.faulty:,} of them faulty"
    )


@app.command("new")
def new_source(
    file: Annotated[str, typer.Argument(help="a file of the new source")],
    name: Annotated[
        str | None, typer.Option(help="name of the source; by default the file's")
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option("--as", help="orders, contacts, events, products or consents"),
    ] = None,
    output: OutputOption = Output.table,
) -> None:
    """Write what a new source needs, from a sample of its file; nothing is overwritten.

    A file that looks like orders, contacts, events, products or consents gets a mapping, any other
    one staging models and claims of its own. Exit 1 for a file that cannot be read or names nobody,
    2 for a name that is taken.

    Example: segmentry sources new exports/receipts.csv --name till_orders
    """
    made = scaffold.new_source(Settings.from_environment(), file, name, kind)
    if output is Output.json:
        show([asdict(made)], output)
        return
    like = f"read as {made.kind}" if made.kind else "with models of its own"
    print(f"The source {made.name}, {like}:")
    for path in made.files:
        print(f"  {path}")
    for note in made.notes:
        print(f"Note: {note}")
    print("Next:")
    for command in made.commands:
        print(f"  {command}")


@app.command("withdraw")
def withdraw_batch(
    batch: Annotated[str, typer.Argument(help="the batch, as `segmentry sources show` names it")],
    reason: Annotated[
        str | None, typer.Option(help="why; recorded with your name and the time")
    ] = None,
    with_refusals: Annotated[
        bool,
        typer.Option(
            "--with-refusals", help="remove the batch's opt-outs too; people may be reached again"
        ),
    ] = False,
    output: OutputOption = Output.table,
) -> None:
    """Remove a landed batch; the next run removes all that follows from it. Its opt-outs stay.

    Example: segmentry sources withdraw 0123456789abcdef --reason "an export of the test shop"
    """
    settings = Settings.from_environment()
    stages.ensure_raw(settings)
    withdrawn = withdrawal.withdraw(settings, batch, reason, with_refusals=with_refusals)
    show([asdict(withdrawn)], output)


_NO_BALANCE = (
    "(select null::varchar as source, null::varchar as batch_id, 0 as accepted, 0 as quarantined, 0"
    " as duplicates)"
)


def _rows(settings: Settings, sql: str, values: list[str] | None = None) -> list[dict[str, Any]]:
    with warehouse.connect(settings, read_only=True) as lake:
        return warehouse.records(lake, sql, values)
