"""SQL that a person typed: parsed, allowed or refused, and run on a connection that cannot leave
the lake.

Two checks protect the machine. DuckDB parses the statement, which must be one query that calls no
function that reads files, settings or the network. The connection has the lake attached read only,
no access to other files, and a locked configuration. Neither is enough alone: ``sqlite_scan`` opens
files that the second check does not see.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb

from segmentry import masked_lake, warehouse
from segmentry.errors import ConfigError, SegmentryError, UsageError
from segmentry.redaction import without_secrets, without_values
from segmentry.roles import Reader
from segmentry.settings import Settings

# Every other table function is refused: most read files, and a new DuckDB brings new ones.
TABLE_FUNCTIONS = frozenset({
    "range", "generate_series", "unnest", "repeat", "repeat_row", "json_each", "json_tree",
    "histogram",
    "histogram_values", "summary", "duckdb_columns", "duckdb_constraints", "duckdb_functions",
    "duckdb_keywords",
    "duckdb_schemas", "duckdb_tables", "duckdb_types", "duckdb_views", "pragma_table_info",
    "pragma_show",
    "pragma_version", "icu_calendar_names", "pg_timezone_names", "ducklake_snapshots",
    "ducklake_table_changes",
    "ducklake_table_deletions", "ducklake_table_insertions", "ducklake_table_info", "snapshots",
    "table_changes",
    "table_deletions", "table_insertions", "table_info",
})  # fmt: skip
# Scalar functions that read the process or write to it.
REFUSED_FUNCTIONS = frozenset({
    "current_setting", "getenv", "getvariable", "query", "query_table", "write_log", "nextval",
    "currval", "sleep_ms",
    "pg_sleep", "setseed", "json_execute_serialized_sql",
})  # fmt: skip
# Views of DuckDB that show settings, addresses or the text of other statements; all others of these
# names are refused.
_SYSTEM_RELATIONS = re.compile(
    r"(duckdb|pragma)_\w+|pg_(settings|database|file_settings|hba_file_rules)", re.IGNORECASE
)
_CATALOGS = frozenset(("", "lake", "system", "temp", "memory"))
_RELATION_NAME = re.compile(r"[\w$ -]+")
_COMMENT_OR_SPACE = r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)"
_EXPLAIN = re.compile(
    rf"{_COMMENT_OR_SPACE}*explain{_COMMENT_OR_SPACE}+(?P<analyze>analyze\b{_COMMENT_OR_SPACE}*)?",
    re.I | re.S,
)
_ALLOWED = (
    "one query: SELECT, WITH, VALUES, FROM, DESCRIBE, SUMMARIZE, SHOW, or EXPLAIN of one of them"
)
_REFERENCE = re.compile(
    r"\{\{-?\s*(?:ref\(\s*(?P<q>['\"])\w+(?P=q)\s*\)|source\(\s*'\w+'\s*,\s*'\w+'\s*\))\s*-?\}\}"
)
_TEMPLATE = re.compile(r"\{[{%#]")
# Longer statements are written by programs, not by people; the parser's own depth ends far below.
MOST_CHARACTERS = 100_000


@dataclass(frozen=True)
class Bounds:
    """What a query may take. rows: more is an error, not a cut. seconds: it is stopped after
    them.
    """

    rows: int = 1_000_000
    seconds: float = 300.0


def checked(sql: str, reader: Reader | None = None) -> str:
    """The statement to execute, or UsageError when it is not one query that only reads the lake.

    reader: a role; where it may not read every class, the statement may read masked views alone.
    """
    is_masked = reader is not None and not reader.reads_all
    if (
        "\x00" in sql
        or len(sql) > MOST_CHARACTERS
        or any("\ud800" <= sign <= "\udfff" for sign in sql)
    ):
        raise UsageError(
            "the statement has a character that is not text, or is too long",
            allowed=f"Unicode text of at most {MOST_CHARACTERS:,} characters without NUL",
            remedy="remove the character, or make it shorter",
        )
    with duckdb.connect(":memory:", config={"enable_external_access": False}) as parser:
        kind = _only_statement(parser, sql)
        if kind == duckdb.StatementType.EXPLAIN:
            return _checked_explain(parser, sql, is_masked=is_masked)
        if kind != duckdb.StatementType.SELECT:
            raise _refused(f"a statement of the kind {kind.name}, not a query")
        _check_tree(parser, sql, is_masked=is_masked)
        return sql


def check_model(name: str, sql: str) -> None:
    """Raise ConfigError unless a dbt model of free SQL is one query that only reads relations of
    the lake.

    Its only templates are ref() and source() with plain names; DuckDB must be able to read the
    rest.
    """
    try:
        text = _REFERENCE.sub("lake.referenced", sql)
        if found := _TEMPLATE.search(text):
            raise _refused(
                f"the template {found.group()}",
                remedy="use {{ ref('model') }} and {{ source('a', 'b') }} alone",
            )
        checked(text)
    except UsageError as error:
        raise ConfigError(
            f"{name}: {error.received}", allowed=error.allowed, remedy=error.remedy
        ) from None


def _only_statement(parser: duckdb.DuckDBPyConnection, sql: str) -> duckdb.StatementType:
    try:
        found = parser.extract_statements(sql)
    except (duckdb.Error, RuntimeError, UnicodeError) as error:
        raise _unreadable(error) from None
    if len(found) == 1:
        return found[0].type
    if any(statement.type == duckdb.StatementType.CREATE for statement in found) and re.search(
        r"\bpivot\b", sql, re.I
    ):
        raise _refused(
            "a PIVOT without a list of values",
            remedy="name the values: PIVOT … ON column IN ('a', 'b')",
        )
    raise _refused(f"{len(found)} statement(s), not one query")


def _checked_explain(parser: duckdb.DuckDBPyConnection, sql: str, *, is_masked: bool) -> str:
    # The plan's query alone can be parsed to a tree; what is executed is put together again from
    # checked parts.
    start = _EXPLAIN.match(sql)
    if start is None:
        raise _refused(
            "EXPLAIN with options", remedy="write EXPLAIN or EXPLAIN ANALYZE without options"
        )
    inner = sql[start.end() :]
    if _only_statement(parser, inner) != duckdb.StatementType.SELECT:
        raise _refused("EXPLAIN of a statement that is not a query")
    _check_tree(parser, inner, is_masked=is_masked)
    text = f"explain {'analyze ' if start['analyze'] else ''}{inner}"
    if _only_statement(parser, text) != duckdb.StatementType.EXPLAIN:
        raise _refused("EXPLAIN of a statement that is not a query")
    return text


def _check_tree(parser: duckdb.DuckDBPyConnection, sql: str, *, is_masked: bool) -> None:
    try:
        row = parser.execute("select json_serialize_sql(?::varchar)", [sql]).fetchone()
        tree = json.loads(row[0]) if row else {}
        if tree.get("error", True):
            raise _refused("a statement that is not a query")
        if len(tree["statements"]) != 1:
            raise _refused(f"{len(tree['statements'])} statements, not one query")
        _walk(tree, is_masked=is_masked)
    except (duckdb.Error, UnicodeError, ValueError) as error:
        raise _unreadable(error) from None
    except RecursionError:
        raise _refused(
            "a statement that is nested too deep", remedy="write it with fewer levels"
        ) from None


def _walk(tree: object, *, is_masked: bool) -> None:
    if isinstance(tree, list):
        for part in tree:
            _walk(part, is_masked=is_masked)
    elif isinstance(tree, dict):
        _check_node(tree)
        if is_masked:
            masked_lake.check_node(tree)
        for part in tree.values():
            _walk(part, is_masked=is_masked)


def _check_node(node: Mapping[str, Any]) -> None:
    kind = node.get("type")
    if kind == "TABLE_FUNCTION":
        name = str((node.get("function") or {}).get("function_name", "")).lower()
        if name not in TABLE_FUNCTIONS:
            raise _refused(
                f"the table function {name or '(unnamed)'}()",
                remedy="read the lake's relations: `show all tables`",
            )
    elif node.get("class") == "FUNCTION":
        name = str(node.get("function_name", "")).lower()
        if name in REFUSED_FUNCTIONS:
            raise _refused(f"the function {name}()", remedy="leave it out")
    elif kind == "BASE_TABLE":
        _check_relation(
            *(str(node.get(f"{part}_name") or "") for part in ("catalog", "schema", "table"))
        )
    elif kind == "SHOW_REF":
        _check_show(str(node.get("table_name") or "").strip('"').lower())


def _check_relation(catalog: str, schema: str, table: str) -> None:
    if catalog.lower() not in _CATALOGS or schema.lower().startswith("__ducklake"):
        raise _refused(
            f"a relation of another catalog, {catalog or schema}",
            remedy="name relations of the lake: schema.name",
        )
    if not _RELATION_NAME.fullmatch(table):
        raise _refused(
            "a file or address in place of a relation",
            remedy="load the file as a source: `segmentry load SOURCE FILE`",
        )
    if _SYSTEM_RELATIONS.fullmatch(table) and table.lower() not in TABLE_FUNCTIONS:
        raise _refused(
            f"the system relation {table}", remedy="read the lake's relations: `show all tables`"
        )


def _check_show(name: str) -> None:
    if name in {"variables", "settings"}:
        raise _refused(
            f"SHOW {name.upper()}", remedy="`show all tables` lists the lake's relations"
        )


@contextmanager
def connect(
    settings: Settings, *, snapshot: int | None = None, reader: Reader | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """The lake, read only, on a connection that reaches no other file and no network and cannot be
    set otherwise. reader: a role that sees views with masked columns.

    Run only statements that ``checked`` returned for the same reader.
    """
    with warehouse.connect(settings, snapshot=snapshot, read_only=True, is_private=True) as lake:
        if "://" in settings.lake_data:
            lake.execute("load httpfs")  # nothing can be loaded later
        if reader is not None and not reader.reads_all:
            masked_lake.use(lake, reader)
        folder = settings.lake_data.replace("'", "''")
        lake.execute(f"set allowed_directories=['{folder}']")
        lake.execute(
            "set python_enable_replacements=false"
        )  # or a relation could be a variable of this program
        lake.execute("set enable_external_access=false")
        lake.execute("set lock_configuration=true")
        yield lake


def records(
    settings: Settings,
    sql: str,
    bounds: Bounds | None = None,
    reader: Reader | None = None,
    snapshot: int | None = None,
) -> list[dict[str, Any]]:
    """Rows of one query that only reads the lake, as dictionaries, masked for the reader;
    of the newest state, or of a snapshot.

    Raises UsageError for a statement that is refused or does not run, SegmentryError when it passes
    its bounds.
    """
    bounds = bounds or Bounds()
    statement = checked(sql, reader)
    with connect(settings, snapshot=snapshot, reader=reader) as lake:
        timer = threading.Timer(bounds.seconds, lake.interrupt)
        timer.start()
        try:
            result = lake.execute(statement)
            names = [column[0] for column in result.description or []]
            rows = result.fetchmany(bounds.rows + 1)
        except duckdb.InterruptException:
            raise SegmentryError(
                f"the query was stopped after {bounds.seconds:g} seconds",
                remedy="ask for less, or allow more with --timeout",
            ) from None
        except duckdb.Error as error:
            raise UsageError(
                f"the query failed: {without_values(str(error))}",
                remedy="correct the SQL; `segmentry query 'show all tables'` lists relations",
            ) from None
        finally:
            timer.cancel()
    if len(rows) > bounds.rows:
        raise SegmentryError(
            f"the query returns more than {bounds.rows:,} rows",
            remedy="aggregate, add a LIMIT to the SQL, or allow more with --max-rows",
        )
    return [dict(zip(names, row, strict=True)) for row in rows]


def _refused(
    what: str, *, remedy: str = "write one SELECT; only the stages change the lake"
) -> UsageError:
    return UsageError(
        f"refused: {without_secrets(what)}",
        allowed=_ALLOWED + ", on relations of the lake",
        remedy=remedy,
    )


def _unreadable(error: Exception) -> UsageError:
    return UsageError(
        f"the statement cannot be read: {without_secrets(str(error))}",
        allowed=_ALLOWED,
        remedy="correct the SQL",
    )
