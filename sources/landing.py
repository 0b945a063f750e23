"""Lands records in the raw table of their source: one transaction per file, together with its row
of raw._loads.
"""

from __future__ import annotations

import fcntl
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import duckdb
import pyarrow as pa

from segmentry import warehouse
from segmentry.settings import Settings
from segmentry.tombstones import Tombstones
from sources.readers.records import UNREADABLE, Records
from sources.readers.seen import UnreadColumn

LOADS = "raw._loads"
RECORD_COLUMNS = (
    "_source varchar, _file varchar, _line bigint, _loaded_at timestamp, _batch_id varchar, _raw"
    " varchar, _problem varchar"
)
# modified_ns spares hashing a file whose path, size and time of change are those of a load; cursor
# is where an incremental database or API source goes on.
LOAD_COLUMNS = (
    "source varchar, file varchar, sha256 varchar, bytes bigint, modified_ns bigint, records"
    " bigint, batch_id varchar, loaded_at timestamp, problem varchar, cursor varchar"
)
# How columns are written in the files, where that is not how they are kept.
COLUMNS = "observability.landed_columns"
COLUMN_COLUMNS = (
    "source varchar, batch_id varchar, written varchar, read_as varchar, records bigint"
)
# Files whose content was landed under another name or time of change, as after a move.
MARKS = "observability.file_marks"
MARK_COLUMNS = "source varchar, file varchar, bytes bigint, modified_ns bigint"
# Records of forgotten people that arrived again: counted, and not kept.
FORGOTTEN = "observability.forgotten_records"
FORGOTTEN_COLUMNS = "source varchar, batch_id varchar, records bigint, arrived_at timestamp"
# What the problem of a load that was withdrawn begins with.
WITHDRAWN = "withdrawn"
_ARROW = pa.schema([("line", pa.int64()), ("raw", pa.string()), ("problem", pa.string())])

OnRecords = Callable[[int], None]


@dataclass(frozen=True)
class Input:
    """One thing to land: a file's content or what an extraction found. sha256 names the content.

    table: the raw table, where it is not that of the source's own name.
    """

    source: str
    file: str
    sha256: str
    bytes: int = 0
    modified_ns: int = 0
    table: str | None = None

    @property
    def relation(self) -> str:
        """The raw table that the records land in."""
        return f'lake.raw."{self.table or self.source}"'

    @property
    def batch_id(self) -> str:
        """Named by the content, so that a lake rebuilt from the same files has the same record
        ids.
        """
        return hashlib.sha256(f"{self.source}\n{self.sha256}".encode()).hexdigest()[:16]


@dataclass
class LandingOutcome:
    """What landing found: records landed, how many of them with a problem, and why a file was
    unreadable.

    failure: what the records' own source raised; then nothing was landed. faults: problems by their
    code. forgotten: records that were left out because they name a forgotten person.
    """

    records: int = 0
    problems: int = 0
    unreadable: str = ""
    failure: Exception | None = None
    faults: Counter[str] = field(default_factory=Counter)
    forgotten: int = 0


def ensure_tables(lake: duckdb.DuckDBPyConnection, tables: Iterable[str]) -> None:
    """Create the raw tables that are not there yet."""
    query = (
        "select table_name from information_schema.tables where table_catalog='lake' and"
        " table_schema='raw'"
    )
    there = {row[0] for row in lake.execute(query).fetchall()}
    for table in sorted(set(tables) - there):
        lake.execute(f'create table if not exists lake.raw."{table}" ({RECORD_COLUMNS})')
    if "_loads" not in there:
        lake.execute(f"create table if not exists lake.{LOADS} ({LOAD_COLUMNS})")
    if not warehouse.relation_exists(lake, COLUMNS):
        lake.execute(f"create table if not exists lake.{COLUMNS} ({COLUMN_COLUMNS})")


@contextmanager
def one_at_a_time(settings: Settings, *, waits: bool = True) -> Iterator[bool]:
    """Take the home's landing lock: two loaders that look at once would both find a file not yet
    loaded.

    Yields whether it is taken: without waits, False while another loads.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / "load.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def land(
    lake: duckdb.DuckDBPyConnection,
    item: Input,
    records: Iterable[Records],
    *,
    on_records: OnRecords | None = None,
    cursor: str | None = None,
    only_new: bool = False,
    replaces: bool = False,
    before_commit: Callable[[LandingOutcome], None] | None = None,
    graves: Tombstones | None = None,
) -> LandingOutcome:
    """Land the records and the load's own row in one transaction: all or nothing, whenever the
    process dies.

    only_new: leave out records whose text this file has landed before, and keep no trace of a load
    without any other (for extractions, which read a row again). replaces: first remove what is left
    of a withdrawn load of this content. cursor: where the next extraction goes on. before_commit:
    the last check; what it raises leaves nothing. graves: whose records are left out.
    """
    outcome = LandingOutcome()
    loaded_at = datetime.now(UTC).replace(tzinfo=None)
    lake.execute("begin")
    try:
        if replaces:
            _remove(lake, item)
        incoming = _batches(records, outcome, on_records, graves)
        lake.register("incoming", pa.RecordBatchReader.from_batches(_ARROW, incoming))
        outcome.records = _insert(lake, item, loaded_at, only_new)
        if outcome.failure is not None:
            raise outcome.failure
        if only_new and not outcome.records:
            lake.execute("rollback")
            return outcome
        _write_load(lake, item, outcome, loaded_at, cursor)
        if before_commit is not None:
            before_commit(outcome)
        lake.execute("commit")
    except BaseException:
        with suppress(
            duckdb.Error
        ):  # on a full disk the rollback fails too; what is not committed is not there
            lake.execute("rollback")
        raise
    finally:
        lake.unregister("incoming")
    return outcome


def _count_forgotten(
    lake: duckdb.DuckDBPyConnection, item: Input, outcome: LandingOutcome, loaded_at: datetime
) -> None:
    if outcome.forgotten:
        lake.execute(f"create table if not exists lake.{FORGOTTEN} ({FORGOTTEN_COLUMNS})")
        counted = [item.source, item.batch_id, outcome.forgotten, loaded_at]
        lake.execute(f"insert into lake.{FORGOTTEN} values (?, ?, ?, ?)", counted)


def _write_load(
    lake: duckdb.DuckDBPyConnection,
    item: Input,
    outcome: LandingOutcome,
    loaded_at: datetime,
    cursor: str | None,
) -> None:
    _count_forgotten(lake, item, outcome, loaded_at)
    lake.execute(
        f"insert into lake.{LOADS} values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [item.source, item.file, item.sha256, item.bytes, item.modified_ns, outcome.records,
        item.batch_id,
         loaded_at, outcome.unreadable or None, cursor],
    )  # fmt: skip


def _insert(
    lake: duckdb.DuckDBPyConnection, item: Input, loaded_at: datetime, only_new: bool
) -> int:
    """Insert the incoming records; returns how many."""
    known = (
        f"where raw not in (select _raw from {item.relation} where _source = $1 and _file = $2)"
        if only_new
        else ""
    )
    values = [item.source, item.file, loaded_at, item.batch_id]
    sql = (
        f"insert into {item.relation} select $1, $2, line, $3, $4, raw, problem from incoming"
        f" {known}"
    )
    row = lake.execute(sql, values).fetchone()
    return int(row[0]) if row else 0


def _batches(
    records: Iterable[Records],
    outcome: LandingOutcome,
    on_records: OnRecords | None,
    graves: Tombstones | None,
) -> Iterator[pa.RecordBatch]:
    """Arrow batches; DuckDB turns what is raised while it reads into an error of its own, so that
    is kept aside.
    """
    try:
        for read in records:
            batch = read.in_pieces()
            if graves:
                before = len(batch.lines)
                batch = batch.only(lambda raw: not graves.names_forgotten(raw))
                outcome.forgotten += before - len(batch.lines)
            faults = [problem for problem in batch.problems if problem is not None]
            outcome.problems += len(faults)
            outcome.faults.update(fault.partition(":")[0] for fault in faults)
            if faults and faults[-1].startswith(UNREADABLE):
                outcome.unreadable = faults[-1].partition(": ")[2]
            columns = [
                pa.array(batch.lines, pa.int64()),
                pa.array(batch.raws, pa.string()),
                pa.array(batch.problems, pa.string()),
            ]
            yield pa.record_batch(columns, schema=_ARROW)
            if on_records:
                on_records(len(batch.lines))
    except Exception as error:
        outcome.failure = error


def is_landed(lake: duckdb.DuckDBPyConnection, source: str, sha256: str) -> bool:
    """Whether this content has been landed for the source."""
    found = lake.execute(
        f"select 1 from lake.{LOADS} where source = ? and sha256 = ?", [source, sha256]
    ).fetchone()
    return found is not None


def batches(lake: duckdb.DuckDBPyConnection, tables: Iterable[str]) -> set[tuple[str, str]]:
    """(table, batch) of everything landed in these raw tables."""
    selects = [
        f"select distinct '{table}', _batch_id from lake.raw.\"{table}\"" for table in tables
    ]
    return (
        {(row[0], row[1]) for row in lake.execute(" union all ".join(selects)).fetchall()}
        if selects
        else set()
    )


def tables_of(lake: duckdb.DuckDBPyConnection, batch_ids: Iterable[str]) -> list[str]:
    """The raw tables that have records of these batches; a source whose yml was removed has them
    too.
    """
    query = (
        "select table_name from information_schema.tables where table_catalog = 'lake' and"
        " table_schema = 'raw' and not starts_with(table_name, '_') order by table_name"
    )
    tables = [row[0] for row in lake.execute(query).fetchall()]
    wanted = list(batch_ids)
    sql = 'select 1 from lake.raw."{}" where list_contains(?, _batch_id) limit 1'
    return [table for table in tables if lake.execute(sql.format(table), [wanted]).fetchone()]


def times(lake: duckdb.DuckDBPyConnection) -> dict[str, datetime]:
    """When each batch was landed, in naive UTC by the clock of the machine that did it."""
    rows = lake.execute(f"select batch_id, loaded_at from lake.{LOADS}").fetchall()
    return {row[0]: row[1] for row in rows}


def marks(lake: duckdb.DuckDBPyConnection, source: str) -> set[tuple[str, int, int]]:
    """(path, bytes, time of change) of the files of which the source has landed the content."""
    found: set[tuple[str, int, int]] = set()
    for relation in (LOADS, MARKS):
        if warehouse.relation_exists(lake, relation):
            sql = f"select file, bytes, modified_ns from lake.{relation} where source = ?"
            found.update((row[0], row[1], row[2]) for row in lake.execute(sql, [source]).fetchall())
    return found


def remember(lake: duckdb.DuckDBPyConnection, items: Iterable[Input]) -> None:
    """Have files whose content is landed already be known by name, size and time of change."""
    rows = [(one.source, one.file, one.bytes, one.modified_ns) for one in items]
    if not rows:
        return
    lake.execute(f"create table if not exists lake.{MARKS} ({MARK_COLUMNS})")
    # One commit for all of them: a home that was moved has thousands.
    lake.execute("begin")
    lake.executemany(f"insert into lake.{MARKS} values (?, ?, ?, ?)", rows)
    lake.execute("commit")


def last_cursor(lake: duckdb.DuckDBPyConnection, source: str, file: str) -> str | None:
    """Where the last extraction of this table or address ended."""
    row = lake.execute(
        f"select cursor from lake.{LOADS} where source = ? and file = ? and cursor is not null "
        "order by loaded_at desc limit 1",
        [source, file],
    ).fetchone()
    return row[0] if row else None


def write_columns(
    lake: duckdb.DuckDBPyConnection, item: Input, columns: Iterable[UnreadColumn]
) -> None:
    """Record columns that are kept under another name than they are written, or that nothing
    reads.
    """
    rows = [
        [item.source, item.batch_id, column.written, column.read_as, column.records]
        for column in columns
    ]
    if rows:
        lake.executemany(f"insert into lake.{COLUMNS} values (?, ?, ?, ?, ?)", rows)


def withdrawn_because(
    lake: duckdb.DuckDBPyConnection, source: str, file: str, sha256: str | None = None
) -> str | None:
    """Why the content, or the file of that name, was withdrawn; None where it was not."""
    row = lake.execute(
        f"select problem from lake.{LOADS} where source = ? and (sha256 = ? or (? is null and file"
        " = ?)) order by loaded_at desc limit 1",
        [source, sha256, sha256, file],
    ).fetchone()
    return str(row[0]) if row and str(row[0] or "").startswith(WITHDRAWN) else None


def _remove(lake: duckdb.DuckDBPyConnection, item: Input) -> None:
    lake.execute(
        f"delete from lake.{LOADS} where source = ? and sha256 = ?", [item.source, item.sha256]
    )
    lake.execute(
        f"delete from lake.{COLUMNS} where source = ? and batch_id = ?",
        [item.source, item.batch_id],
    )
    lake.execute(f"delete from {item.relation} where _batch_id = ?", [item.batch_id])
