"""Decides whether a build of a layer of the dbt project would change nothing.

The catalog knows which snapshot changed which table. A layer is current while, since it was last
built, nothing has changed a table that it may read, its own tables, the clock, or a file of the
project or the configuration.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from segmentry import generated, warehouse
from segmentry.settings import Settings

MARKS = "observability.layer_marks"
# A layer may read every schema before its own.
SCHEMAS = (
    "raw",
    "staging",
    "identity",
    "marts",
    "features",
    "ml",
    "profiles",
    "segments",
    "audiences",
)
# What is read out of that order: by every layer, and by some.
CLOCK = ("observability", "clock")
_RESTRICTIONS = ("activation", "restrictions")
ALSO_READ = {
    "identity": (("observability", "trait_corrections"),),
    "features": (_RESTRICTIONS,),
    "profiles": (_RESTRICTIONS,),
    "segments": (_RESTRICTIONS,),
    "audiences": (_RESTRICTIONS, ("activation", "suppressions")),
}
# What changed after a snapshot, as schema and table: names if a table was created, ids if it was
# changed.
_CHANGED = """
with changes as (
    select unnest(string_split(changes_made, ',')) as change
    from __ducklake_metadata_lake.ducklake_snapshot_changes
    where snapshot_id > ?
),

named as (
    select regexp_extract(change, '"([^"]+)"[.]"([^"]+)"', ['schema_name', 'table_name']) as place
    from changes where change like '%"."%'
),

numbered as (
    select distinct try_cast(split_part(change, ':', 2) as bigint) as table_id
    from changes where change not like '%"%'
)

select place.schema_name as schema_name, place.table_name as table_name from named
union
select ducklake_schema.schema_name, ducklake_table.table_name
from numbered
inner join __ducklake_metadata_lake.ducklake_table on numbered.table_id = ducklake_table.table_id
inner join __ducklake_metadata_lake.ducklake_schema on ducklake_table.schema_id
    = ducklake_schema.schema_id
"""


def snapshot(settings: Settings) -> int:
    """The newest snapshot: what a build that begins now may have read."""
    with warehouse.connect(settings, read_only=True) as lake:
        return warehouse.current_snapshot(lake)


def is_current(settings: Settings, layer: str) -> bool:
    """Whether building the layer would change nothing."""
    return _is_unchanged(settings, layer, SCHEMAS[: SCHEMAS.index(layer)], (layer,), layer)


def is_refreshed(settings: Settings, name: str) -> bool:
    """Whether nothing has landed since what this mark was made from, and nothing else has changed
    since it was made.
    """
    landed, *made = SCHEMAS
    return _is_unchanged(settings, name, (landed,), made, SCHEMAS[-1])


def _is_unchanged(
    settings: Settings, name: str, read: Sequence[str], written: Sequence[str], layer: str
) -> bool:
    """Whether schemas have not changed since the mark of that name read them, nor others since it
    was written, nor what the layer reads out of order.
    """
    with warehouse.connect(settings, read_only=True) as lake:
        if not warehouse.relation_exists(lake, MARKS):
            return False
        sql = f"select read_from, written_at, fingerprint from lake.{MARKS} where layer = ?"
        mark = lake.execute(sql, [name]).fetchone()
        if mark is None or mark[2] != fingerprint(settings) or not _is_kept(lake, mark[0]):
            return False
        return not _is_any_changed(lake, mark[0], read, layer) and not _is_any_changed(
            lake, mark[1], written, layer
        )


def is_intact(settings: Settings, layer: str) -> bool:
    """Whether the layer is what its last build left, by the same text of the project: then it may
    be added to.
    """
    with warehouse.connect(settings, read_only=True) as lake:
        if not warehouse.relation_exists(lake, MARKS):
            return False
        sql = f"select written_at, fingerprint from lake.{MARKS} where layer = ?"
        mark = lake.execute(sql, [layer]).fetchone()
    return (
        mark is not None
        and mark[1] == fingerprint(settings)
        and not is_changed(settings, mark[0], layer)
    )


def forget(lake: duckdb.DuckDBPyConnection, layer: str) -> None:
    """Have the layer built at the next run: for what it reads out of the order of SCHEMAS."""
    if warehouse.relation_exists(lake, MARKS):
        lake.execute(f"delete from lake.{MARKS} where layer = ?", [layer])


def mark(settings: Settings, layer: str, read_from: int) -> None:
    """Record that the layer was built from that snapshot."""
    with warehouse.connect(settings) as lake:
        columns = "layer varchar, read_from bigint, written_at bigint, fingerprint varchar"
        lake.execute(f"create table if not exists lake.{MARKS} ({columns})")
        values = [layer, read_from, warehouse.current_snapshot(lake), fingerprint(settings)]
        lake.execute("begin")
        lake.execute(f"delete from lake.{MARKS} where layer = ?", [layer])
        lake.execute(f"insert into lake.{MARKS} values (?, ?, ?, ?)", values)
        lake.execute("commit")


def keep(settings: Settings, layer: str) -> None:
    """Record the layer's current content as that of its last build, after a part of it was built
    separately.
    """
    with warehouse.connect(settings) as lake:
        newest = warehouse.current_snapshot(lake)
        lake.execute(f"update lake.{MARKS} set written_at = ? where layer = ?", [newest, layer])


def fingerprint(settings: Settings) -> str:
    """One value for all text of the dbt project, with what is made at run time, and of the
    configuration.
    """
    return generated.project_digest(settings)


def is_changed(settings: Settings, since: int, schema: str) -> bool:
    """Whether anything changed a relation of the schema after that snapshot, or the catalog does
    not know any more.
    """
    with warehouse.connect(settings, read_only=True) as lake:
        return not _is_kept(lake, since) or any(
            found == schema for found, _ in lake.execute(_CHANGED, [since]).fetchall()
        )


def changed_since(lake: duckdb.DuckDBPyConnection, number: int) -> set[tuple[str, str]] | None:
    """Relations, as (schema, table), that changed after a snapshot; None if it is not kept."""
    if not _is_kept(lake, number):
        return None
    return set(lake.execute(_CHANGED, [number]).fetchall())


def _is_any_changed(
    lake: duckdb.DuckDBPyConnection, since: int, schemas: Sequence[str], layer: str
) -> bool:
    changed = lake.execute(_CHANGED, [since]).fetchall()
    also = (CLOCK, *ALSO_READ.get(layer, ()))
    return any(schema in schemas or (schema, table) in also for schema, table in changed)


def _is_kept(lake: duckdb.DuckDBPyConnection, number: int) -> bool:
    # Snapshots expire oldest first: while the mark's own is there, so is every one after it.
    sql = "select 1 from ducklake_snapshots('lake') where snapshot_id = ?"
    return lake.execute(sql, [number]).fetchone() is not None
