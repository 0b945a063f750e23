"""The lake: DuckDB over a DuckLake catalog. The only module that attaches it."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import duckdb

from segmentry import catalog as catalog_address
from segmentry import configuration, extensions, identifiers, instances
from segmentry.errors import ConfigError, NotReadyError, SegmentryError
from segmentry.permissions import private_folder
from segmentry.redaction import without_secrets
from segmentry.settings import Settings

# Writers that meet take a new snapshot id and try again; with DuckLake's own 10 attempts, 3 of 545
# commits of two processes that did nothing but write were lost.
COMMIT_ATTEMPTS = 100
# Against DuckLake's defaults (snappy, version 1), five million links take 298 MiB for 342 and half
# the time to read. A table with rows in the catalog makes every process that reads it load the
# whole catalog as it was when the table was created.
FILE_FORMAT = {
    "parquet_compression": "lz4",
    "parquet_version": "2",
    "data_inlining_row_limit": "0",
}
# What any statement raises that DuckDB refuses.
DatabaseError = duckdb.Error
# From here on every extension must be signed; a running DuckDB cannot take it back.
SIGNED_ONLY = "set allow_unsigned_extensions=false"
# Homes of which this process is the writer.
_turns: set[Path] = set()
# Catalogs, by path, inode and place of the files, that this process knows to be where their files
# are.
_followed: set[tuple[str, int, str]] = set()
SCHEMAS = (
    "raw", "staging", "identity", "marts", "features", "profiles", "segments",
    "audiences", "ml", "activation", "measurement", "observability",
)  # fmt: skip


def prepare(settings: Settings) -> None:
    """Create the home, the catalog and the schemas; safe to call at every start."""
    for folder in (settings.home, settings.scratch):
        private_folder(folder)
    if "://" not in settings.lake_data:
        Path(settings.lake_data).mkdir(parents=True, exist_ok=True)
    extensions.install(settings)
    if settings.is_embedded:
        catalog_file(settings).parent.mkdir(parents=True, exist_ok=True)
        _follow_a_moved_home(settings)
    is_new = settings.is_embedded and not catalog_file(settings).exists()
    with writing(settings) if is_new else nullcontext(), _opened(settings) as lake:
        if _missing_schemas(lake) or _other_options(lake):
            # Of processes that start on a new home at once, one creates this and the others wait.
            with writing(settings):
                _create(lake)


def _create(lake: duckdb.DuckDBPyConnection) -> None:
    if missing := _missing_schemas(lake):
        created = [f"create schema if not exists lake.{name}" for name in missing]
        lake.execute("; ".join(["begin", *created, "commit"]))
    for name, value in _other_options(lake).items():
        lake.execute(f"call lake.set_option('{name}', '{value}')")


def _missing_schemas(lake: duckdb.DuckDBPyConnection) -> list[str]:
    found = lake.execute(
        "select schema_name from duckdb_schemas() where database_name = 'lake'"
    ).fetchall()
    return [schema for schema in SCHEMAS if (schema,) not in found]


def _other_options(lake: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """The options of the file format that the catalog does not have yet."""
    existing = dict(
        lake.execute(
            "select option_name, value from lake.options() where scope = 'GLOBAL'"
        ).fetchall()
    )
    # A version that was set as 2 is stored as V2.
    return {
        name: value
        for name, value in FILE_FORMAT.items()
        if existing.get(name, "").removeprefix("V") != value
    }


def _follow_a_moved_home(settings: Settings) -> None:
    """Let the catalog know where its files are after the home was moved or copied; it has their
    relative paths.

    DuckDB's own SQLite opens it. When Python's closes, it releases the locks of DuckDB in this
    process and removes the files of a log that is in use: every later attach would fail with a disk
    I/O error.
    """
    catalog = catalog_file(settings)
    if not catalog.exists():
        return
    place = (str(catalog), catalog.stat().st_ino, settings.lake_data)
    if place in _followed:
        return
    with closing(duckdb.connect(":memory:", config=lake_config(settings))) as connection:
        connection.execute("load sqlite_scanner")
        connection.execute(f"attach '{_quoted(str(catalog))}' as catalog_file (type sqlite)")
        _follow(connection, settings)
    _followed.add(place)


def _follow(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    try:
        sql = "select value from catalog_file.ducklake_metadata where key = 'data_path'"
        (folder,) = connection.execute(sql).fetchone() or (settings.lake_data,)
    except duckdb.CatalogException:
        return  # a process was killed before the catalog had its first table
    if folder.rstrip("/") == settings.lake_data.rstrip("/"):
        return
    has_files = (
        connection.execute("select 1 from catalog_file.ducklake_data_file limit 1").fetchone()
        is not None
    )
    if has_files and not any(Path(settings.lake_data).rglob("*.parquet")):
        raise ConfigError(
            f"the lake's files are expected in {settings.lake_data}, which has none",
            allowed=f"the folder in which the catalog knows them, {folder}, or a copy of it",
            remedy="set SEGMENTRY_LAKE_DATA to that folder, or move its content there",
        )
    connection.execute(
        "update catalog_file.ducklake_metadata set value = ? where key = 'data_path'",
        [settings.lake_data],
    )


@contextmanager
def connect(
    settings: Settings,
    *,
    snapshot: int | None = None,
    read_only: bool = False,
    is_private: bool = False,
    has_functions: bool = True,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open DuckDB with the lake attached as ``lake`` and in use.

    snapshot: read the lake as it was at that DuckLake snapshot id (implies read only). is_private:
    the caller attaches databases or locks settings, so it gets an instance of its own.
    has_functions: with those of ``segmentry.identifiers``, which load numpy. The variable
    ``shop_country`` has the country by which national phone numbers are read.
    Times are naive UTC. The connection is closed on leaving.
    """
    if not _is_prepared(settings):
        prepare(settings)
    with _opened(settings, snapshot, read_only, is_private, has_functions) as lake:
        yield lake


@contextmanager
def _opened(
    settings: Settings,
    snapshot: int | None = None,
    read_only: bool = False,
    is_private: bool = False,
    has_functions: bool = True,
) -> Iterator[duckdb.DuckDBPyConnection]:
    statement = attach_statement(settings, snapshot=snapshot, read_only=read_only)
    country = configuration.shop_country(settings)
    config = lake_config(settings)

    def opened() -> duckdb.DuckDBPyConnection:
        connection = _instance(settings, config, statement)
        if has_functions:
            identifiers.register(connection, country)
        return connection

    def begin_session(connection: duckdb.DuckDBPyConnection) -> None:
        _begin_session(connection)
        connection.execute("set variable shop_country = ?", [country])

    # A catalog on a server may restart, and a kept connection to it would be dead.
    if is_private or not settings.is_embedded or not catalog_file(settings).exists():
        with closing(opened()) as connection:
            begin_session(connection)
            yield connection
        return
    file = catalog_file(settings).stat()
    key = (file.st_dev, file.st_ino, statement, country, has_functions, *sorted(config.items()))
    with instances.cursor(key, opened, begin_session) as connection:
        yield connection


def _instance(settings: Settings, config: Any, statement: str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:", config=config)
    try:
        _attach(connection, settings, statement)
        connection.execute(SIGNED_ONLY)
        connection.execute(f"set ducklake_max_retry_count={COMMIT_ATTEMPTS}")
    except BaseException:
        connection.close()
        raise
    return connection


def _begin_session(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("set TimeZone='UTC'")
    connection.execute("set enable_progress_bar=false")  # it would be in standard output
    connection.execute("use lake")


def _attach(connection: duckdb.DuckDBPyConnection, settings: Settings, statement: str) -> None:
    try:
        connection.execute(statement)
    except duckdb.Error as error:
        if settings.is_embedded:
            # A command that only reads may be the first after the home was moved or copied.
            _follow_a_moved_home(settings)
            connection.execute(statement)
            return
        if not isinstance(error, duckdb.IOException):
            raise
        raise SegmentryError(
            f"the lake's catalog does not answer: {without_secrets(str(error))[:400]}",
            allowed="a PostgreSQL server at the address in SEGMENTRY_CATALOG that lets its user in",
            remedy=(
                "start the server, or correct SEGMENTRY_CATALOG and its password; then `segmentry"
                " doctor`"
            ),
        ) from None


@contextmanager
def writing(settings: Settings) -> Iterator[None]:
    """Be the embedded lake's only writer, after waiting for the one before; a process that has the
    turn keeps it.

    A catalog on a server has no such turn: its writers meet, and try again.
    """
    if not settings.is_embedded or settings.home in _turns:
        yield
        return
    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / "writer.lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        _turns.add(settings.home)
        try:
            yield
        finally:
            _turns.discard(settings.home)
            fcntl.flock(file, fcntl.LOCK_UN)  # a forked child has the file open too


def _is_prepared(settings: Settings) -> bool:
    return settings.extensions.exists() and (
        not settings.is_embedded or catalog_file(settings).exists()
    )


def catalog_file(settings: Settings) -> Path:
    """The SQLite file of an embedded lake's catalog."""
    return Path(settings.catalog.partition(":")[2])


def duckdb_config(settings: Settings) -> dict[str, str | bool | int | float | list[str]]:
    """Options every DuckDB connection of ours is opened with."""
    settings.scratch.mkdir(parents=True, exist_ok=True)
    catalog_address.provide_password(settings.home, settings.catalog_password)
    return {
        "extension_directory": str(settings.extensions),
        "memory_limit": settings.memory_limit,
        "temp_directory": str(settings.scratch / "duckdb"),
        "autoinstall_known_extensions": False,
    }


def lake_config(settings: Settings) -> dict[str, str | bool | int | float | list[str]]:
    """Those of a connection to which the lake is attached; run ``SIGNED_ONLY`` once it is.

    DuckDB hashes 70 MB for the signatures of two extensions, 0.26 s of every connection. The files
    of the installed packages are loaded without, as Python's own are; others, and whatever is
    loaded later, are checked.
    """
    return {
        **duckdb_config(settings),
        "allow_unsigned_extensions": extensions.are_packaged(settings),
    }


def attach_statement(
    settings: Settings, *, snapshot: int | None = None, read_only: bool = False
) -> str:
    """SQL that attaches the lake as ``lake``; a snapshot implies read only."""
    options = [f"DATA_PATH '{_quoted(settings.lake_data)}'"]
    if snapshot is not None:
        options.append(f"SNAPSHOT_VERSION {int(snapshot)}")
    elif read_only:
        options.append("READ_ONLY")
    elif settings.is_embedded:
        # In the default mode a reader blocks the writer's commit; a write-ahead log lets both go
        # on.
        options.append("META_JOURNAL_MODE 'WAL'")
    return f"ATTACH 'ducklake:{_quoted(settings.catalog)}' AS lake ({', '.join(options)})"


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def current_snapshot(lake: duckdb.DuckDBPyConnection) -> int:
    """Id of the newest committed DuckLake snapshot."""
    row = lake.execute("select max(snapshot_id) from ducklake_snapshots('lake')").fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def relation_exists(lake: duckdb.DuckDBPyConnection, relation: str) -> bool:
    """Whether ``schema.name`` is a table or view of the lake.

    A probe, because the information schema reads the statistics of every table: a second on a lake
    of 150 relations.
    """
    schema, _, name = relation.partition(".")
    try:
        lake.execute(f'select 1 from lake."{schema}"."{name}" limit 0')
    except duckdb.CatalogException:
        return False
    return True


def relations(
    lake: duckdb.DuckDBPyConnection, schema: str, *, snapshot: int | None = None
) -> list[str]:
    """Tables and views of a schema as ``schema.name``, sorted; read from the catalog for the reason
    above.
    """
    read_at = current_snapshot(lake) if snapshot is None else snapshot
    parts = [
        f"""
        select s.schema_name || '.' || t.{kind}_name
        from __ducklake_metadata_lake.ducklake_{kind} as t
        inner join __ducklake_metadata_lake.ducklake_schema as s on t.schema_id = s.schema_id
        where s.schema_name = $schema
            and s.begin_snapshot <= $at and coalesce(s.end_snapshot > $at, true)
            and t.begin_snapshot <= $at and coalesce(t.end_snapshot > $at, true)
        """
        for kind in ("table", "view")
    ]
    found = lake.execute(
        " union ".join(parts) + " order by 1", {"schema": schema, "at": read_at}
    ).fetchall()
    return [name for (name,) in found]


def require(lake: duckdb.DuckDBPyConnection, relation: str, *, made_by: str) -> None:
    """Raise NotReadyError unless the relation exists; made_by is the stage that makes it."""
    if not relation_exists(lake, relation):
        raise NotReadyError(
            f"the relation {relation} is not there yet",
            allowed=f"a lake in which the stage '{made_by}' has run",
            remedy=f"run `segmentry run --select {made_by}` or the whole job with `segmentry run`",
        )


def count(lake: duckdb.DuckDBPyConnection, relation: str) -> int:
    """Number of rows of ``schema.name``; 0 when it does not exist."""
    try:
        row = lake.execute(f"select count(*) from lake.{relation}").fetchone()
    except duckdb.CatalogException:
        return 0
    return int(row[0]) if row else 0


def records(
    lake: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[Any] | None = None
) -> list[dict[str, Any]]:
    """Rows of a query as dictionaries."""
    result = lake.execute(sql, list(parameters) if parameters else None)
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
