"""What every verb prints with: tables for people, JSON for programs, progress on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from runtime.console import errors
from segmentry.progress import printed_by


class Output(StrEnum):
    """Forms of output."""

    table = "table"
    json = "json"


OutputOption = Annotated[
    Output, typer.Option("--output", "-o", help="table for people, json for programs.")
]


def show(
    rows: Sequence[Mapping[str, Any]],
    output: Output,
    *,
    title: str = "",
    empty: str = "nothing to show",
) -> None:
    """Print rows, all with the same keys: as a table, or as a JSON list of objects."""
    if output is Output.json:
        print_json(list(rows))
        return
    if not rows:
        print(empty)
        return
    table = Table(title=title or None, title_justify="left", show_edge=False, pad_edge=False)
    for name, value in rows[0].items():
        table.add_column(
            name, justify="right" if isinstance(value, int | float) else "left", overflow="fold"
        )
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    # A pipe or file has no width of its own: wide enough that no value is cut or folded there.
    Console(highlight=False, width=None if sys.stdout.isatty() else 200, markup=False).print(table)


def print_json(value: object) -> None:
    """Print one value as JSON; times as ISO 8601 with their zone, unknown types as text."""
    print(json.dumps(value, indent=2, default=_plain, ensure_ascii=False))


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}"
    if isinstance(value, datetime):
        return with_zone(value).isoformat(" ").replace("+00:00", "Z")
    return str(value)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return with_zone(value).isoformat().replace("+00:00", "Z")
    isoformat = getattr(value, "isoformat", None)
    return isoformat() if callable(isoformat) else str(value)


def with_zone(time: datetime) -> datetime:
    """The time with its zone: what the lake and the ledger have without one is UTC."""
    return time if time.tzinfo else time.replace(tzinfo=UTC)


@contextmanager
def progress(text: str) -> Iterator[None]:
    """Print the current step on standard error, with a spinner if it is a terminal."""
    with printed_by(errors.print):
        if errors.is_terminal:
            with errors.status(text):
                yield
        else:
            errors.print(text)
            yield
