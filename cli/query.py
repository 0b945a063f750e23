"""``segmentry query``: read-only SQL on the lake."""

from __future__ import annotations

from typing import Annotated

import duckdb
import typer

from cli._output import Output, OutputOption, show
from segmentry import warehouse
from segmentry.errors import UsageError
from segmentry.settings import Settings


def command(
    sql: Annotated[str, typer.Argument(help="one SELECT; relations are schema.name, such as profiles.profiles")],
    output: OutputOption = Output.table,
) -> None:
    """Run read-only SQL on the lake.

    Example: segmentry query "select count(*) as people from profiles.profiles"
    """
    settings = Settings.from_environment()
    warehouse.prepare(settings)
    with warehouse.connect(settings, read_only=True) as lake:
        try:
            statements = lake.extract_statements(sql)
            if len(statements) != 1 or statements[0].type not in (
                duckdb.StatementType.SELECT,
                duckdb.StatementType.EXPLAIN,
            ):
                raise UsageError(
                    f"{len(statements)} statement(s), not one query",
                    allowed="one SELECT statement",
                    remedy="write one SELECT; the lake is changed only by the stages",
                )
            rows = warehouse.records(lake, sql)
        except duckdb.Error as error:
            raise UsageError(
                f"the query failed: {error}",
                remedy="correct the SQL; `segmentry query 'show all tables'` lists relations",
            ) from None
    show(rows, output, empty="no rows")
