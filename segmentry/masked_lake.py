"""The lake as a role reads it: a database of views with masked columns, in place of the relations.

Statements of a role that may not read every class run where these views are in use, and may not
name the lake's own catalog. So an alias, an expression or a join sees masked values alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from segmentry.classes import ColumnClass
from segmentry.errors import UsageError
from segmentry.roles import HIDDEN, Reader

CATALOG = "shown"
# Others take the name of a relation as a text, or read the lake's own files.
_TABLE_FUNCTIONS = frozenset(
    {
        "duckdb_columns", "duckdb_functions", "duckdb_keywords", "duckdb_schemas", "duckdb_tables",
        "duckdb_types", "generate_series", "icu_calendar_names", "json_each", "json_tree",
        "pg_timezone_names", "range", "repeat", "repeat_row", "unnest",
    }
)  # fmt: skip


def use(lake: duckdb.DuckDBPyConnection, reader: Reader) -> None:
    """Put views of the reader in place of the relations. lake: a private connection with the lake
    attached and in use, before its configuration is locked.
    """
    columns = _columns(lake)
    lake.execute(f"attach ':memory:' as {CATALOG}")
    for schema in sorted({schema for schema, _ in columns} - {"main"}):
        lake.execute(f"create schema {CATALOG}.{_quoted(schema)}")
    for (schema, relation), parts in columns.items():
        shown = ", ".join(_shown(reader, schema, relation, *part) for part in parts)
        name = f"{_quoted(schema)}.{_quoted(relation)}"
        lake.execute(f"create view {CATALOG}.{name} as select {shown} from lake.{name}")
    lake.execute(f"use {CATALOG}")


def check_node(node: Mapping[str, Any]) -> None:
    """UsageError for a part of a statement's tree that would read the lake past its views."""
    kind = node.get("type")
    if kind == "TABLE_FUNCTION":
        name = str((node.get("function") or {}).get("function_name", "")).lower()
        if name not in _TABLE_FUNCTIONS:
            raise _refused(f"the table function {name or '(unnamed)'}()")
    elif kind in ("BASE_TABLE", "SHOW_REF"):  # a type of a value is no text
        named = [str(node.get(f"{part}_name") or "").lower() for part in ("catalog", "schema")]
        if "lake" in named or str(node.get("table_name") or "").lower().startswith("lake."):
            raise _refused("the lake's own catalog")


def _refused(what: str) -> UsageError:
    return UsageError(
        f"refused: {what}, which your role may not read",
        allowed="relations as schema.name, without `lake.`: your role reads their masked views",
        remedy="write the query so, or ask an engineer to run it",
    )


def _columns(
    lake: duckdb.DuckDBPyConnection,
) -> dict[tuple[str, str], Sequence[tuple[str, str]]]:
    found = lake.execute(
        "select schema_name, table_name, column_name, data_type from duckdb_columns()"
        " where database_name = 'lake' order by schema_name, table_name, column_index"
    ).fetchall()
    columns: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for schema, relation, column, kind in found:
        columns[schema, relation].append((column, kind))
    return dict(columns)


def _shown(reader: Reader, schema: str, relation: str, column: str, kind: str) -> str:
    name = _quoted(column)
    one = reader.classes.of(schema, relation, column)
    if reader.sees(one):
        return name
    if kind != "VARCHAR":
        return f"cast(null as {kind}) as {name}"
    # As roles.masked shows a text.
    if one is not ColumnClass.direct_identifier:
        return f"case when {name} is not null then '{HIDDEN}' end as {name}"
    first = f"case when len(trim({name})) > 1 then left(trim({name}), 1) else '' end"
    return f"case when {name} is not null then {first} || '{HIDDEN}' end as {name}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
