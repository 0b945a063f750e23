"""``segmentry simulate``: a shop's files and the truth about them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from cli._output import Output, OutputOption, print_json, show
from runtime.console import errors
from segmentry.errors import UsageError


def command(
    out: Annotated[Path, typer.Option("--out", help="folder to write to", metavar="DIR")],
    people: Annotated[int, typer.Option("--people", help="number of people")] = 5_000,
    days: Annotated[int, typer.Option("--days", help="number of days with data")] = 180,
    seed: Annotated[int, typer.Option("--seed", help="same arguments, same files")] = 1,
    end_date: Annotated[
        str, typer.Option("--end-date", help="last day with data, YYYY-MM-DD")
    ] = "2026-06-30",
    hard: Annotated[
        bool, typer.Option("--hard", help="add hard cases of identity: agents, families, offices")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="replace another simulation in DIR")
    ] = False,
    output: OutputOption = Output.table,
) -> None:
    """Write a simulated shop's data to DIR/<source>/ and its truth to DIR/truth/.

    Example: segmentry simulate --people 5000 --days 180 --seed 1 --out shop
    """
    from simulator import output as folder
    from simulator.run import SimulationRequest

    request = SimulationRequest(
        people=people, days=days, seed=seed, out=out, end_date=_date(end_date), is_hard=hard
    )
    counts, is_new = folder.fill(request, lambda text: errors.print(text), force=force)
    if not is_new:
        errors.print(f"{out} already contains this simulation; nothing was done")
    if output is Output.json:
        print_json({"records": counts, "total": sum(counts.values()), "is_new": is_new})
        return
    show([{"source": name, "records": number} for name, number in sorted(counts.items())], output)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"--end-date is '{text}'",
            allowed="a date such as 2026-06-30",
            remedy="write the date as YYYY-MM-DD",
        ) from None
