"""``segmentry query``: read-only SQL on the lake."""

from __future__ import annotations

from typing import Annotated

import typer

from cli._output import Output, OutputOption, show
from segmentry import published, readonly, roles, warehouse
from segmentry.settings import Settings


def command(
    sql: Annotated[
        str, typer.Argument(help="one query; relations are schema.name, such as profiles.profiles")
    ],
    max_rows: Annotated[
        int, typer.Option(min=1, help="more rows than this are an error")
    ] = readonly.Bounds.rows,
    timeout: Annotated[
        float, typer.Option(min=0.1, help="seconds after which the query is stopped")
    ] = readonly.Bounds.seconds,
    newest: Annotated[
        bool, typer.Option("--newest", help="read what a run has built before its gates passed")
    ] = False,
    output: OutputOption = Output.table,
) -> None:
    """Run one read-only query on the lake: it reaches no other file, no setting and no network.

    A role that SEGMENTRY_ROLE names, or local_role in the policies, sees masked values of what it
    may not read. While a run builds, and after a gate has stopped it, the query reads the state
    that was published before.

    Example: segmentry query "select count(*) as people from profiles.profiles"
    """
    settings = Settings.from_environment()
    reader = roles.of_operator(settings)
    readonly.checked(sql, reader)
    warehouse.prepare(settings)
    bounds = readonly.Bounds(max_rows, timeout)
    snapshot = None if newest else published.snapshot_to_read(settings)
    rows = readonly.records(settings, sql, bounds, reader, snapshot)
    show(rows, output, empty="no rows")
