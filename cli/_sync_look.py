"""``segmentry sync preview``, ``show`` and ``diff``: what a sync is and would do."""

from __future__ import annotations

from typing import Annotated

import typer

from activation import preview as previews
from cli._output import Output, OutputOption, print_json, progress
from cli._output import show as show_rows
from segmentry.settings import Settings

Name = Annotated[
    str, typer.Argument(metavar="SYNC", help="name of a sync, as `segmentry sync status` shows it")
]
Identifiers = Annotated[
    bool, typer.Option("--identifiers", help="show what names a person, unmasked")
]


def preview(
    name: Name,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="most rows")] = 10,
    identifiers: Identifiers = False,
    output: OutputOption = Output.table,
) -> None:
    """Show the first rows as they would leave, withdrawals first, and send nothing.

    Where nothing would leave, rows of the audience are shown as `unchanged`. A removal has its key
    alone.

    Example: segmentry sync preview klaviyo_list --limit 5
    """
    with progress("Comparing the audience with the ledger ..."):
        rows = previews.preview(
            Settings.from_environment(), name, limit, has_identifiers=identifiers
        )
    show_rows(rows, output, empty="the audience has no row that may leave")


def show(name: Name, output: OutputOption = Output.table) -> None:
    """Show a sync: its mapping, place and account, its state and its last runs.

    An account is shown as a hash, a setting by where its value comes from.

    Example: segmentry sync show klaviyo_list
    """
    found = previews.show(Settings.from_environment(), name)
    if output is Output.json:
        print_json(found)
        return
    columns = found.pop("columns")
    last = found.pop("runs")
    facts = [{"fact": k, "value": v} for k, v in found.items() if v not in ("", None)]
    show_rows([{**one, "value": _text(one["value"])} for one in facts], output)
    show_rows(columns, output, title="\nmapping")
    show_rows(last, output, title="\nlast runs", empty="\nit has never run")


def diff(name: Name, identifiers: Identifiers = False, output: OutputOption = Output.table) -> None:
    """Count the rows that would be added, updated, removed and withdrawn, by reason.

    People who are left out are counted as `none`. Some profiles of each are named, for `sync
    explain`.

    Example: segmentry sync diff klaviyo_list
    """
    with progress("Comparing the audience with the ledger ..."):
        rows = previews.diff(Settings.from_environment(), name, has_identifiers=identifiers)
    show_rows(rows, output, empty="nothing would change, and nobody is left out")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)
