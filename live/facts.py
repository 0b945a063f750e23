"""Facts of the lake as of the newest batch, in memory and sorted by profile: reading those of a few
people takes milliseconds. Nothing of it is written to the disk, so an erasure finds no copy here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import duckdb

from live import definition
from live.definition import Definition
from segmentry import places, warehouse
from segmentry.errors import NotReadyError
from segmentry.settings import Settings
from segmentry.tables import column_names

Lake = duckdb.DuckDBPyConnection
FACTS = "facts"
MEMBERSHIPS = "segments.segment_memberships"
STATES = "segments.dwell_states"
RULES = "segments.segment_rules"
# Who refused profiling, of all people: memberships are decided for all of them at once.
REFUSED = "main.refused_profiling"
# The events that a computation reads, behind lake.staging.base_events.
PRESENT = f"{FACTS}.main.present"
HISTORY = "segments.membership_history"
# The profile of an event, also where it is a crawler's.
_EVENT_OWNER = """
    select {columns}, coalesce(owners.profile_id, owners.visitor_profile_id) as owner_id
    from lake.staging.base_events as events
    left join lake.marts.event_profiles as owners on events.event_id = owners.event_id
    where events.outcome = 'accepted'
    order by owner_id
"""

# From so many people on, a computation uses several threads.
PAYING = 100


@dataclass
class Facts:
    """A connection with the databases ``facts``, of all profiles, and ``lake``, of some.

    personal: relations with a profile_id. event_columns: those that are kept. times: columns of
    relations that have the time of a fact.
    """

    connection: Lake
    snapshot: int
    as_of: datetime
    personal: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    event_columns: tuple[str, ...] = ()
    times: dict[str, tuple[str, ...]] = field(default_factory=dict)


def published_snapshot(lake: Lake) -> int:
    """The snapshot in which the newest batch published its memberships; later ones may be in the
    middle of the next batch. NotReadyError without one.
    """
    warehouse.require(lake, MEMBERSHIPS, made_by="memberships")
    meta = "__ducklake_metadata_lake"
    row = lake.execute(f"""
        with tables as (
            select tables.table_id
            from {meta}.ducklake_table as tables
            inner join {meta}.ducklake_schema as schemas on tables.schema_id = schemas.schema_id
            where schemas.schema_name || '.' || tables.table_name = '{MEMBERSHIPS}'
        ),
        written as (
            select begin_snapshot as snapshot_id from {meta}.ducklake_data_file
            where table_id in (select table_id from tables)
            union all
            select end_snapshot from {meta}.ducklake_data_file
            where table_id in (select table_id from tables)
            union all
            select begin_snapshot from {meta}.ducklake_table
            where table_id in (select table_id from tables)
        )
        select max(snapshot_id) from written
    """).fetchone()
    if row is None or row[0] is None:
        raise NotReadyError("no batch has published memberships", remedy="run `segmentry run`")
    return int(row[0])


@contextmanager
def gathered(settings: Settings, found: Definition, snapshot: int) -> Iterator[Facts]:
    """The facts of the lake at a snapshot, and an empty ``lake`` in memory with the relations that
    the statements read and make.
    """
    with warehouse.connect(settings, snapshot=snapshot, is_private=True) as connection:
        places.register(connection)
        connection.execute(f"attach ':memory:' as {FACTS}")
        for schema in warehouse.SCHEMAS:
            connection.execute(f"create schema {FACTS}.{schema}")
        connection.execute("begin")
        row = connection.execute(f"select as_of from lake.{definition.CLOCK}").fetchone()
        if row is None:
            raise NotReadyError("the run's clock is empty", remedy="run `segmentry run`")
        facts = Facts(connection, snapshot, row[0])
        _copy(facts, found)
        connection.execute("commit; use memory; detach lake")
        _make_lake(facts, found)
        set_threads(connection, 0)
        yield facts


def set_threads(connection: Lake, people: int) -> None:
    """As many threads as pay for so many people: for a few, a second one costs more than it brings
    (ADR 47).
    """
    threads = (os.cpu_count() or 1) if people >= PAYING else 1
    connection.execute(f"set threads = {min(threads, 4)}")


def _copy(facts: Facts, found: Definition) -> None:
    connection = facts.connection
    personal: list[str] = []
    shared: list[str] = []
    for relation in found.inputs:
        if relation == definition.EVENTS:
            continue
        names = column_names(connection, f"lake.{relation}")
        is_personal = "profile_id" in names
        (personal if is_personal else shared).append(relation)
        order = "order by profile_id" if is_personal else ""
        _create(connection, relation, f"from lake.{relation} {order}")
    names = column_names(connection, f"lake.{definition.EVENTS}")
    _create(connection, "main.event_shape", f"from lake.{definition.EVENTS} limit 0")
    facts.event_columns = found.read_columns(names)
    columns = ", ".join(f"events.{name}" for name in facts.event_columns)
    _create(connection, definition.EVENTS, _EVENT_OWNER.format(columns=columns))
    _create(connection, definition.RAW, f"from lake.{definition.RAW} limit 0")
    for relation in found.made:
        if relation in found.statements.reads(relation):
            _create(connection, relation, f"from lake.{relation} limit 0")
    # The profile as the batch has it, for the values that live takes over.
    profiles = f"from lake.{definition.PROFILES} order by profile_id"
    _create(connection, definition.PROFILES, profiles)
    for relation in (STATES, RULES, MEMBERSHIPS):
        _create(connection, relation, f"from lake.{relation}")
    _create(connection, "main.refusals", "select '' as profile_id, '' as purpose limit 0")
    _create(
        connection,
        "main.shared_browsers",
        f"""
        select anonymous_id from {FACTS}.{definition.EVENTS} where anonymous_id is not null
        group by anonymous_id having count(distinct owner_id) > 1
    """,
    )
    refused = "where purpose = 'profiling' and channel = 'any' and is_refused"
    _create(connection, REFUSED, f"from {FACTS}.{definition.STANDINGS} {refused}")
    facts.personal = tuple(personal)
    facts.shared = tuple(shared)
    # A score is a fact of the batch's own time.
    facts.times = {r: _times(connection, r) for r in personal if not r.startswith("ml.")}
    facts.times[definition.EVENTS] = ("event_at",)


def _create(connection: Lake, relation: str, query: str) -> None:
    connection.execute(f"create table {FACTS}.{relation} as {query}")


def _times(connection: Lake, relation: str) -> tuple[str, ...]:
    described = connection.execute(f"describe {FACTS}.{relation}").fetchall()
    return tuple(
        str(name)
        for name, kind, *_ in described
        if str(kind) == "TIMESTAMP" and not str(name).startswith("_")
    )


def is_view(relation: str) -> bool:
    """Whether what is made is read where it is needed: staging renames columns, most of which are
    read once or never.
    """
    return relation.startswith("staging.")


def _view_events(facts: Facts) -> None:
    """The events of the people affected with the columns of a batch; those that no statement reads
    are null.
    """
    connection = facts.connection
    shape = connection.execute(f"describe {FACTS}.main.event_shape").fetchall()
    kept = set(facts.event_columns)
    columns = ", ".join(
        f'"{name}"' if name in kept else f'cast(null as {kind}) as "{name}"'
        for name, kind, *_ in shape
    )
    connection.execute(f"create table {PRESENT} as from {FACTS}.{definition.EVENTS} limit 0")
    connection.execute(f"create view lake.{definition.EVENTS} as select {columns} from {PRESENT}")


def _make_lake(facts: Facts, found: Definition) -> None:
    """An empty lake in memory: tables are filled and emptied for each micro-batch, so that the
    catalog never changes and statements stay prepared.
    """
    connection = facts.connection
    connection.execute("attach ':memory:' as lake")
    for schema in warehouse.SCHEMAS:
        connection.execute(f"create schema lake.{schema}")
    for relation in (*facts.personal, definition.RAW, STATES, RULES):
        connection.execute(f"create table lake.{relation} as from {FACTS}.{relation} limit 0")
    for relation in facts.shared:
        connection.execute(f"create table lake.{relation} as from {FACTS}.{relation}")
    _view_events(facts)
    connection.execute("use lake")
    for relation in found.made:
        if is_view(relation):
            connection.execute(f"create view lake.{relation} as {found.query(relation)}")
            continue
        # A statement that leaves out what is there already reads its own table.
        if relation in found.statements.reads(relation):
            query = f"from {FACTS}.{relation}"
        else:
            query = f"select * from ({found.query(relation)}\n)"
        connection.execute(f"create table lake.{relation} as {query} limit 0")
    connection.execute(f"insert into lake.{RULES} from {FACTS}.{RULES}")
