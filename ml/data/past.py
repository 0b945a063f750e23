"""The lake as it was known at a past time, in memory: for the recomputation of features.

A record of later is missing, and a record that has changed since is as it was. ADR 26 states the
decisions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import duckdb

from ml.data.statements import Known, Statements
from segmentry import places, warehouse
from segmentry.settings import Settings
from segmentry.tables import column_names

Lake = duckdb.DuckDBPyConnection
CLOCK = "observability.clock"
MAPPING = "identity.identifier_mapping"
STORED = "stored"  # the database with copies of what the lake has
PRESENT = "present"  # the one with what the statements give today
_SOURCE = "lake"  # until the one in memory takes its name
# More records are about a minute and a gigabyte: then the records of some people are enough.
MOST_RECORDS = 2_000_000
# Columns by which a record names its person.
_PERSON = ("user_id", "email", "phone", "anonymous_id", "device_id", "customer_id", "trait_email")


@dataclass(frozen=True)
class Made:
    """What came of it: the relations that were made; those that were not, with the reason; and
    inputs of which nothing states since when they are known.
    """

    made: frozenset[str]
    failed: dict[str, str]
    uncut: frozenset[str]


@contextmanager
def gathered(
    settings: Settings, statements: Statements, wanted: Sequence[str], snapshot: int
) -> Iterator[tuple[Lake, bool]]:
    """A connection that has copies of the wanted relations and of all inputs behind them in the
    database ``stored``; and whether these are of some people alone.
    """
    with warehouse.connect(settings, snapshot=snapshot, is_private=True) as connection:
        places.register(connection)
        connection.execute(f"attach ':memory:' as {STORED}")
        for schema in warehouse.SCHEMAS:
            connection.execute(f"create schema {STORED}.{schema}")
        # Each statement by itself would ask the catalog for the newest state.
        connection.execute("begin")
        made, inputs = statements.behind(wanted)
        bases = [name for name in inputs if _is_base(name)]
        parts = max(1, -(-sum(_count(connection, name) for name in bases) // MOST_RECORDS))
        added_to = [name for name in made if name in statements.reads(name)]
        rest = {*wanted, *inputs, *added_to, CLOCK} - {MAPPING}
        for relation in (MAPPING, *sorted(rest)):
            _copy(connection, relation, parts)
        connection.execute(f"commit; use memory; detach {_SOURCE}")
        yield connection, parts > 1


def _is_base(relation: str) -> bool:
    return relation.startswith("staging.base_")


def _count(connection: Lake, relation: str) -> int:
    if not _columns(connection, f"{_SOURCE}.{relation}"):
        return 0
    row = connection.execute(f"select count(*) from {_SOURCE}.{relation}").fetchone()
    return int(row[0]) if row else 0


def _columns(connection: Lake, relation: str) -> list[str]:
    """Columns of a relation, none where it is absent."""
    try:
        return column_names(connection, relation)
    except duckdb.CatalogException:
        return []


def _copy(connection: Lake, relation: str, parts: int) -> None:
    columns = _columns(connection, f"{_SOURCE}.{relation}")
    if not columns:
        return
    rows = "outcome = 'accepted'" if "outcome" in columns else "true"
    if parts > 1 and relation == MAPPING:
        rows = f"hash(profile_id || ':recomputed') % {parts} = 0"
    elif parts > 1 and _is_base(relation):
        rows += f" and {_of_these_people(columns)}"
    connection.execute(
        f"create table {STORED}.{relation} as from {_SOURCE}.{relation} where {rows}"
    )


def _of_these_people(columns: Sequence[str]) -> str:
    """Condition for the records of people who are computed again. A record that names its person in
    another spelling may be left out: both sides of the comparison lack it.
    """
    known = f"(select lower(identifier) from {STORED}.{MAPPING})"
    each = [f"coalesce(lower({n}::varchar) in {known}, false)" for n in _PERSON if n in columns]
    return f"({' or '.join(each)})" if each else "true"


def fill(
    connection: Lake,
    statements: Statements,
    wanted: Iterable[str],
    at: datetime | None,
    *,
    name: str = "lake",
) -> Made:
    """Attach a new ``lake`` in memory that has the wanted relations as they were known at the time,
    computed by dbt's statements; None: as they are known now. name: what it is called afterwards.
    """
    connection.execute("use memory; detach database if exists lake; attach ':memory:' as lake")
    for schema in warehouse.SCHEMAS:
        connection.execute(f"create schema lake.{schema}")
    made, inputs = statements.behind(wanted)
    failed: dict[str, str] = {}
    uncut = set()
    for relation in sorted({*inputs, CLOCK}):
        columns = _columns(connection, f"{STORED}.{relation}")
        if not columns:
            failed[relation] = "it is not in the lake"
            continue
        query = cut(f"{STORED}.{relation}", columns, statements.known.get(relation), at)
        if query is None:
            uncut.add(relation)
            query = f"from {STORED}.{relation}"
        connection.execute(f"create view lake.{relation} as {query}")
    connection.execute("use lake")
    for relation in made:
        if reason := _make(connection, relation, statements, failed):
            failed[relation] = reason
    if name != "lake":
        _keep(connection, [n for n in wanted if n in made and n not in failed], name)
    return Made(frozenset(made) - set(failed), failed, frozenset(uncut))


def _keep(connection: Lake, relations: Iterable[str], name: str) -> None:
    """Copy relations of ``lake`` to a database of that name."""
    connection.execute(f"attach ':memory:' as {name}; create schema {name}.features")
    for relation in relations:
        connection.execute(f"create table {name}.{relation} as from lake.{relation}")


def _make(
    connection: Lake, relation: str, statements: Statements, failed: dict[str, str]
) -> str | None:
    """Compute one relation; returns why it cannot be."""
    read = statements.reads(relation)
    if absent := sorted(read & set(failed)):
        return f"it reads {absent[0]}, which cannot be made: {failed[absent[0]]}"
    try:
        if relation in read:  # a statement that adds to what is there finds nothing there
            connection.execute(f"create table lake.{relation} as from {STORED}.{relation} limit 0")
        connection.execute(f"create or replace table lake.{relation} as {statements.sql[relation]}")
    except duckdb.Error as error:
        return type(error).__name__
    return None


def cut(
    stored: str, columns: Sequence[str], known: Known | None, at: datetime | None
) -> str | None:
    """Query of an input as it was known at the time, which is today for None; None where nothing
    states since when its rows are known.
    """
    if at is None or (known is not None and known.as_today):
        return f"from {stored}"
    time = f"timestamp '{at.isoformat(sep=' ')}'"
    if stored == f"{STORED}.{CLOCK}":
        return f"select * replace ({time} as as_of) from {stored}"
    if known is None:
        return f"from {stored} where occurred_at < {time}" if "occurred_at" in columns else None
    if known.key is None:
        return _begun(stored, known, time)
    return _states(stored, known, time, columns)


def _begun(stored: str, known: Known, time: str) -> str:
    """Rows that began before; what changed since is unknown."""
    rows = f"from {stored} where {known.began_at or known.changed_at} < {time}"
    hidden = ", ".join(
        f"case when {known.changed_at} < {time} then {name} end as {name}"
        for name in known.changing
    )
    return f"select * replace ({hidden}) {rows}" if hidden else rows


def _states(stored: str, known: Known, time: str, columns: Sequence[str]) -> str:
    """The states that were known; of a record that had begun, and of which the lake has only later
    states, the first one without what changes.
    """
    began = known.began_at
    changed = str(known.changed_at)
    key = known.key
    old = f"from {stored} where {changed} < {time}"
    since = f"coalesce({began}, {time} - interval 1 microsecond)"
    replaced = [f"case when false then {name} end as {name}" for name in known.changing]
    replaced += [f"{since} as {name}" for name in sorted({changed, "occurred_at"} & set(columns))]
    order = ", ".join([changed, *(["record_id"] if "record_id" in columns else [])])
    return f"""
    {old}
    union all by name
    select * replace ({", ".join(replaced)})
    from {stored}
    where coalesce({began} < {time}, true) and {key} not in (select {key} {old})
    qualify row_number() over (partition by {key} order by {order}) = 1
    """
