"""The Great Expectations context: lives under the home, reads one snapshot of the lake, writes the
Data Docs.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from expectations import _compat
from expectations.suite import Table
from segmentry import faults, warehouse
from segmentry.errors import SegmentryError
from segmentry.settings import Settings, switch_off_telemetry


@dataclass(frozen=True)
class GateSession:
    """One gate's Great Expectations context and its data source."""

    context: Any
    source: Any


@contextmanager
def open_session(settings: Settings, snapshot: int) -> Iterator[GateSession]:
    """A context whose queries read the lake at the snapshot."""
    switch_off_telemetry()
    _compat.keep_connection_open()
    import great_expectations as gx
    from great_expectations.data_context.types.base import DataContextConfig

    context: Any = gx.get_context(
        project_config=DataContextConfig(**_layout(settings)), mode="ephemeral"
    )
    context.variables.progress_bars = {"globally": False}
    with _attached(warehouse.attach_statement(settings, snapshot=snapshot)):
        source = context.data_sources.add_sql(
            "lake",
            connection_string="duckdb:///:memory:",
            create_temp_table=False,
            kwargs={"connect_args": {"config": warehouse.lake_config(settings)}},
        )
        yield GateSession(context, source)


@contextmanager
def _attached(statement: str) -> Iterator[None]:
    """Attach the lake to every DuckDB connection opened meanwhile: the engine that opens it is not
    ours to reach.
    """
    from duckdb_engine import ConnectionWrapper
    from sqlalchemy import event
    from sqlalchemy.pool import Pool

    def attach(connection: Any, _: Any) -> None:
        if isinstance(connection, ConnectionWrapper):
            cursor = connection.cursor()
            cursor.execute("set TimeZone='UTC'")
            cursor.execute(statement)
            cursor.execute(warehouse.SIGNED_ONLY)
            cursor.close()

    event.listen(Pool, "connect", attach)
    try:
        yield
    finally:
        event.remove(Pool, "connect", attach)


def _layout(settings: Settings) -> dict[str, Any]:
    home = settings.home / "great_expectations"

    def files(folder: str) -> dict[str, str]:
        return {
            "class_name": "TupleFilesystemStoreBackend",
            "base_directory": str(home / folder),
            "filepath_suffix": ".json",
        }

    memory = {"class_name": "InMemoryStoreBackend"}
    return {
        "config_version": 4,
        "stores": {
            "suites": {"class_name": "ExpectationsStore", "store_backend": files("suites")},
            "results": {"class_name": "ValidationResultsStore", "store_backend": files("results")},
            "validation_definition_store": {
                "class_name": "ValidationDefinitionStore",
                "store_backend": memory,
            },
            "checkpoint_store": {"class_name": "CheckpointStore", "store_backend": memory},
        },
        "expectations_store_name": "suites",
        "validation_results_store_name": "results",
        "checkpoint_store_name": "checkpoint_store",
        "data_docs_sites": {"local": _docs_site(settings)},
        "analytics_enabled": False,
    }


def _docs_site(settings: Settings) -> dict[str, Any]:
    return {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": {
            "class_name": "TupleFilesystemStoreBackend",
            "base_directory": str(settings.data_docs),
        },
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }


def definition(session: GateSession, name: str, table: Table) -> Any:
    """The validation definition of one table: its rows with a row_key, and its expectations as a
    suite.
    """
    import great_expectations as gx

    rows = f"select {table.row_key} as row_key, t.* from ({table.sql}) as t"
    if table.query:
        rows = f"select * from {_computed(session, name, rows)}"
    asset = session.source.add_query_asset(name, query=rows)
    suite = session.context.suites.add_or_update(
        gx.ExpectationSuite(name, expectations=expectations_of(table))
    )
    return session.context.validation_definitions.add_or_update(
        gx.ValidationDefinition(name=name, data=asset.add_batch_definition("all"), suite=suite)
    )


def _computed(session: GateSession, name: str, rows: str) -> str:
    """A temporary table of the rows: each expectation asks twice, and a join is computed once."""
    from sqlalchemy.exc import DBAPIError

    relation = f'temp."{name}"'
    try:
        with session.source.get_execution_engine().engine.begin() as connection:
            connection.exec_driver_sql(f"create or replace temp table {relation} as {rows}")
    except DBAPIError as error:
        if full := faults.disk_full(error):
            raise full from None
        raise SegmentryError(
            f"the gate cannot read {name.partition('.')[2]} ({type(error.orig).__name__})",
            allowed="a relation of the lake with the columns that its suite reads",
            remedy=(
                "run the stage that makes the relation, as after an upgrade; if that does not help,"
                " correct the suite in expectations/suites/ that names it"
            ),
        ) from None
    return relation


def expectations_of(table: Table) -> list[Any]:
    """Great Expectations' own expectations for a table."""
    gxe: Any = importlib.import_module("great_expectations.expectations")
    wanted: list[Any] = [
        gxe.ExpectColumnValuesToNotBeNull(column=column) for column in table.unique
    ]
    if len(table.unique) == 1:
        wanted.append(gxe.ExpectColumnValuesToBeUnique(column=table.unique[0]))
    elif table.unique:
        wanted.append(gxe.ExpectCompoundColumnsToBeUnique(column_list=list(table.unique)))
    if table.at_least:
        wanted.append(gxe.ExpectTableRowCountToBeBetween(min_value=table.at_least))
    if table.columns:
        wanted.append(
            gxe.ExpectTableColumnsToMatchSet(
                column_set=["row_key", *table.columns], exact_match=True
            )
        )
    for number, rule in enumerate(table.rules):
        wanted.append(
            gxe.UnexpectedRowsExpectation(
                description=rule.text,
                meta={"rule": number},
                unexpected_rows_query=(
                    f"select t.row_key from (select * from {{batch}}) as t where {rule.where}"
                ),
                severity="warning" if rule.is_warning else "critical",
            )
        )
    return wanted
