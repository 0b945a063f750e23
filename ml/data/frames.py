"""Reads features from the lake: which features exist, and their matrix at given times. The data
sets, the leakage check and the trainers call it.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import duckdb

from segmentry import restrictions, warehouse
from segmentry.settings import Settings

Lake = duckdb.DuckDBPyConnection
SPINE = "features.spine"
# Of the spine, the people who have not refused profiling: what models learn from and score.
PROFILED = "profiled_spine"
NUMBERS = (
    "DOUBLE",
    "FLOAT",
    "DECIMAL",
    "BIGINT",
    "INTEGER",
    "SMALLINT",
    "TINYINT",
    "HUGEINT",
    "UBIGINT",
    "UINTEGER",
)
NOT_KNOWN = "(not known)"  # the category of a missing text value


@dataclass(frozen=True)
class Feature:
    """One column of a features table."""

    name: str
    table: str
    is_number: bool

    def sql(self) -> str:
        """The column as a double (infinite as missing), or as text with missing as a category of
        its own.
        """
        column = f'{self.table}."{self.name}"'
        if not self.is_number:
            return f"coalesce({column}, '{NOT_KNOWN}') as \"{self.name}\""
        return f'case when isfinite({column}::double) then {column}::double end as "{self.name}"'


@dataclass(frozen=True)
class FeatureSet:
    """The features a model may choose from, in a fixed order."""

    features: tuple[Feature, ...]

    @property
    def names(self) -> list[str]:
        """All feature names."""
        return [f.name for f in self.features]

    @property
    def numbers(self) -> list[str]:
        """Names of numeric features."""
        return [f.name for f in self.features if f.is_number]

    @property
    def categories(self) -> list[str]:
        """Names of text features."""
        return [f.name for f in self.features if not f.is_number]

    def only(self, names: Sequence[str]) -> FeatureSet:
        """The feature set cut down to these names."""
        wanted = set(names)
        return FeatureSet(tuple(f for f in self.features if f.name in wanted))

    def select(self, keys: str) -> str:
        """SQL of the matrix for the relation ``keys(profile_id, as_of, ...)``: all its columns,
        then the features.
        """
        tables = sorted({f.table for f in self.features})
        joins = "\n".join(f"left join features.{t} using (profile_id, as_of)" for t in tables)
        columns = "".join(f",\n  {f.sql()}" for f in self.features)
        return f"select {keys}.*{columns}\nfrom {keys}\n{joins}\norder by as_of, profile_id"


@contextmanager
def published(settings: Settings) -> Iterator[tuple[Lake, int]]:
    """The lake at the snapshot where the gate on features last passed (the current one if it never
    passed), and the snapshot's id.

    NotReadyError if there are no features yet.
    """
    with warehouse.connect(settings, read_only=True) as lake:
        warehouse.require(lake, SPINE, made_by="features")
        snapshot = _published_snapshot(lake) or warehouse.current_snapshot(lake)
        refused = lake.execute(restrictions.refused_sql(lake, restrictions.PROFILING)).fetchall()
    with warehouse.connect(settings, snapshot=snapshot) as lake:
        _leave_out(lake, [profile for (profile,) in refused])
        yield lake, snapshot


def _leave_out(lake: Lake, profiles: Sequence[str] | None = None) -> None:
    """Make the relation ``profiled_spine``; without a spine do nothing. profiles: those who refused
    profiling; None for those that this lake knows of, unless the relation is there.
    """
    if not warehouse.relation_exists(lake, SPINE):
        return
    there = "select 1 from duckdb_views() where view_name = ? and database_name = 'temp'"
    if profiles is None:
        if lake.execute(there, [PROFILED]).fetchone():
            return
        query = restrictions.refused_sql(lake, restrictions.PROFILING)
        profiles = [profile for (profile,) in lake.execute(query).fetchall()]
    lake.execute("create or replace temp table refused_profiling (profile_id varchar)")
    lake.execute("insert into refused_profiling select unnest(?::varchar[])", [list(profiles)])
    lake.execute(
        f"create or replace temp view {PROFILED} as select * from {SPINE}"
        " anti join refused_profiling using (profile_id)"
    )


def _published_snapshot(lake: Lake) -> int | None:
    if not warehouse.relation_exists(lake, "observability.published"):
        return None
    row = lake.execute(
        "select max(snapshot_id) from observability.published where room = 'features'"
    ).fetchone()
    return int(row[0]) if row and row[0] is not None else None


def feature_set(
    lake: Lake, *, include: Sequence[str], exclude: Sequence[str], max_categories: int | None
) -> FeatureSet:
    """Every numeric or yes/no column and every text column of few values in features__*, minus
    exclusions.

    A name that two tables share is taken from the first table by name. max_categories None keeps
    every text column.
    """
    found: dict[str, Feature] = {}
    for table, name, kind in columns(lake):
        is_number = kind == "BOOLEAN" or kind.partition("(")[0] in NUMBERS
        is_usable = name not in found and not _is_key(name) and (is_number or kind == "VARCHAR")
        if is_usable and _is_wanted(name, include, exclude):
            found[name] = Feature(name, table, is_number)
    many = (
        _many_valued(lake, list(found.values()), max_categories)
        if max_categories is not None
        else set()
    )
    return FeatureSet(tuple(f for f in found.values() if f.name not in many))


def columns(lake: Lake) -> list[tuple[str, str, str]]:
    """Table, name and type of every column of features__*, by table and place.

    One by one, because the information schema reads the statistics of every table of the lake.
    """
    tables = [name.partition(".")[2] for name in warehouse.relations(lake, "features")]
    return [
        (table, str(name), str(kind))
        for table in tables
        if table.startswith("features__") and warehouse.relation_exists(lake, f"features.{table}")
        for name, kind, *_ in lake.execute(f'describe features."{table}"').fetchall()
    ]


def _is_key(name: str) -> bool:
    return name in {"profile_id", "as_of"} or name.startswith("_") or name.endswith("_id")


def _is_wanted(name: str, include: Sequence[str], exclude: Sequence[str]) -> bool:
    return any(fnmatch.fnmatch(name, p) for p in include) and not any(
        fnmatch.fnmatch(name, p) for p in exclude
    )


def _many_valued(lake: Lake, features: Sequence[Feature], limit: int) -> set[str]:
    """Text features with more distinct values than the limit, or with one at most."""
    found: set[str] = set()
    for table in sorted({f.table for f in features if not f.is_number}):
        names = [f.name for f in features if f.table == table and not f.is_number]
        counts = ", ".join(f'count(distinct "{name}")' for name in names)
        row = lake.execute(f"select {counts} from features.{table}").fetchone() or ()
        found |= {name for name, count in zip(names, row, strict=True) if not 1 < count <= limit}
    return found


def set_training_dates(lake: Lake, dates: Sequence[tuple[datetime, datetime]]) -> None:
    """Make the relations ``training_dates(as_of, until_at)``, which the SQL of specs reads, and
    ``profiled_spine``, the people that a model may use.
    """
    _leave_out(lake)
    columns = "as_of timestamp, until_at timestamp"
    lake.execute(f"create or replace temp table training_dates ({columns})")
    # Specs that an installation has added may read the relation under its former name.
    lake.execute("create or replace temp view moments as select * from training_dates")
    if dates:
        lake.executemany("insert into training_dates values (?, ?)", [list(one) for one in dates])


def spine_times(lake: Lake) -> list[datetime]:
    """The as_of times features were computed for, oldest first."""
    return [
        row[0] for row in lake.execute(f"select distinct as_of from {SPINE} order by 1").fetchall()
    ]
