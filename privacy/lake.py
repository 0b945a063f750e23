"""Deletes people's rows from every table of the lake, in one transaction.

A row is a person's if it names their profile, one of their identifiers, or a record that is
theirs. What is left of their values in texts of other rows is replaced by a mark.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import duckdb

from privacy.subjects import Subject, tombstones_of
from privacy.values import Matcher
from segmentry import tombstones

# Columns that have a profile_id, and pairs of columns that have a typed identifier.
_PROFILES = (
    "profile_id", "row_profile_id", "visitor_profile_id", "merged_profile_id",
    "surviving_profile_id", "current_profile_id", "home",
)  # fmt: skip
_TYPED = (
    ("identifier_type", "identifier"), ("identifier_type", "value"),
    ("left_type", "left_identifier"), ("right_type", "right_identifier"),
    ("left_type", "left_value"), ("right_type", "right_value"),
    ("holder_type", "holder_identifier"), ("born_type", "born_identifier"),
    ("meant_type", "meant"),
)  # fmt: skip
# Keys of rows without a profile of their own, by the relation that has both.
_KEYS = (
    ("order_id", "marts.order_profiles", "order_id", ("order_rates", "order_items", "order_facts")),
    ("session_id", "marts.sessions", "session_id", ("touched_visits",)),
    ("text_id", "marts.tickets", "ticket_id", ("text_tags",)),
    ("text_id", "marts.surveys", "response_id", ("text_tags",)),
)
_DONE = "work_erased"


class Tables:
    """The lake's tables, with the columns of each. A temporary table has what names the people."""

    def __init__(self, lake: duckdb.DuckDBPyConnection, subject: Subject) -> None:
        self.lake = lake
        self.matcher = Matcher(subject.values)
        self.subject = subject
        self.columns = _columns(lake)
        values = [("profile", "", one) for one in subject.profiles]
        values += [("typed", kind, value) for kind, value in subject.identifiers]
        values += [("typed", kind, value) for kind, value in subject.spelled]
        lake.execute(
            f"create or replace temp table {_DONE} (kind varchar, type varchar, value varchar)"
        )
        lake.executemany(f"insert into {_DONE} values (?, ?, ?)", [list(v) for v in set(values)])

    def add(self, kind: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Add keys of rows that are the people's."""
        if rows:
            values = [[kind, "", row[0]] for row in rows if row[0] is not None]
            self.lake.executemany(f"insert into {_DONE} values (?, ?, ?)", values)

    def of(self, kind: str) -> str:
        """SQL of the values of a kind."""
        return f"(select value from {_DONE} where kind = '{kind}')"


def erase(lake: duckdb.DuckDBPyConnection, subject: Subject) -> dict[str, int]:
    """Delete and clean; returns the rows changed, by relation. A second call changes nothing."""
    tables = Tables(lake, subject)
    graves = tombstones.Tombstones.of(tombstones_of(subject), shop_country(lake))
    counts: dict[str, int] = {}
    lake.execute("begin")
    try:
        tables.add("record", list(_own_records(tables, graves)))
        for name, relation, column, _ in _KEYS:
            _add_keys(tables, name, relation, column)
        for relation in tables.columns:
            _count(counts, relation, _delete(tables, relation))
        _balance(tables, counts)
        for relation in tables.columns:
            _count(counts, relation, _clean(tables, relation))
        lake.execute("commit")
    except BaseException:
        with suppress(duckdb.Error):
            lake.execute("rollback")
        raise
    return counts


def _count(counts: dict[str, int], relation: str, rows: int) -> None:
    if rows:
        counts[relation] = counts.get(relation, 0) + rows


def shop_country(lake: duckdb.DuckDBPyConnection) -> str | None:
    """The country by which the lake reads national phone numbers."""
    row = lake.execute("select getvariable('shop_country')").fetchone()
    return row[0] if row else None


def _columns(lake: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """Tables, without views, as schema.name: columns and their types."""
    rows = lake.execute(
        """
        select t.schema_name || '."' || t.table_name || '"', c.column_name, c.data_type
        from duckdb_tables() as t
        inner join duckdb_columns() as c using (database_name, schema_name, table_name)
        where t.database_name = 'lake' and not starts_with(t.schema_name, '__')
        order by t.schema_name, t.table_name, c.column_index
        """
    ).fetchall()
    found: dict[str, dict[str, str]] = {}
    for relation, column, kind in rows:
        found.setdefault(relation, {})[column] = kind
    return found


def _own_records(tables: Tables, graves: tombstones.Tombstones) -> Iterator[tuple[str]]:
    """Records, as batch:line, that are the people's: as the tombstones judge a record that
    arrives.
    """
    for relation, columns in tables.columns.items():
        if not relation.startswith("raw.") or "_raw" not in columns:
            continue
        for batch, line, raw in candidates(tables, relation):
            if graves.names_forgotten(raw):
                yield (f"{batch}:{line}",)


def batches_of(lake: duckdb.DuckDBPyConnection, subject: Subject) -> list[str]:
    """The landed batches that have records of the people."""
    graves = tombstones.Tombstones.of(tombstones_of(subject), shop_country(lake))
    records = _own_records(Tables(lake, subject), graves)
    return sorted({record.partition(":")[0] for (record,) in records})


def candidates(tables: Tables, relation: str) -> Iterator[tuple[str, int, str]]:
    """(batch, line, text) of the records that may be the people's."""
    short = [v for _, v in tables.subject.spelled if not tombstones.is_distinct(v)]
    patterns = tables.matcher.chunks()
    patterns += [
        f'"({"|".join(map(_word, short[n : n + 400]))})"' for n in range(0, len(short), 400)
    ]
    patterns += [
        f": ?({'|'.join(map(_word, short[n : n + 400]))})[,}}]" for n in range(0, len(short), 400)
    ]
    seen: set[tuple[str, int]] = set()
    for pattern in patterns:
        cursor = tables.lake.execute(
            f"select _batch_id, _line, _raw from lake.{relation} where regexp_matches(_raw, ?)",
            [pattern],
        )
        for batch, line, raw in cursor.fetchall():
            if (batch, line) not in seen:
                seen.add((batch, line))
                yield batch, line, raw


def _word(value: str) -> str:
    return "".join(sign if sign.isalnum() else f"\\{sign}" for sign in json.dumps(value)[1:-1])


def _add_keys(tables: Tables, name: str, relation: str, column: str) -> None:
    schema, _, table = relation.partition(".")
    if f'{schema}."{table}"' in tables.columns:
        tables.add(
            name,
            tables.lake.execute(
                f"select distinct {column} from lake.{relation} where profile_id in"
                f" {tables.of('profile')}"
            ).fetchall(),
        )


def _delete(tables: Tables, relation: str) -> int:
    where = condition(tables, relation)
    if not where:
        return 0
    row = tables.lake.execute(f"delete from lake.{relation} where {where}").fetchone()
    return int(row[0]) if row else 0


def condition(tables: Tables, relation: str) -> str:
    """SQL: whether a row of the relation is the people's; '' where none can be."""
    columns = tables.columns[relation]
    table = relation.partition(".")[2].strip('"')
    parts = [f"{one} in {tables.of('profile')}" for one in _PROFILES if one in columns]
    if not relation.startswith("raw."):
        typed = f"(select type, value from {_DONE} where kind = 'typed')"
        parts += [
            f"({kind}, {value}) in {typed}"
            for kind, value in _TYPED
            if kind in columns and value in columns
        ]
    if "_batch_id" in columns and "_line" in columns:
        parts.append(f"_batch_id || ':' || _line in {tables.of('record')}")
    elif "record_id" in columns:
        parts.append(f"record_id in {tables.of('record')}")
    parts += [
        f"{name} in {tables.of(name)}"
        for name, _, _, used in _KEYS
        if table in used and name in columns
    ]
    for side in ("left_crm_id", "right_crm_id"):
        if side in columns:
            parts.append(f"('crm_id', {side}) in (select type, value from {_DONE})")
    return " or ".join(f"coalesce({part}, false)" for part in dict.fromkeys(parts))


def _balance(tables: Tables, counts: dict[str, int]) -> None:
    """Have the balance of what landed state what is left."""
    relation = 'staging."landing_balance"'
    if relation not in tables.columns:
        return
    for source in [one for one in counts if one.startswith("raw.")]:
        base = f'staging."base_{source[5:-1]}"'
        if base not in tables.columns:
            continue
        tables.lake.execute(
            f"""
            update lake.{relation} as b
            set landed = f.landed, accepted = f.accepted, quarantined = f.quarantined,
                duplicates = f.duplicates
            from (
                select _batch_id, count(*) as landed,
                    count(*) filter (where outcome = 'accepted') as accepted,
                    count(*) filter (where outcome = 'quarantined') as quarantined,
                    count(*) filter (where outcome = 'duplicate') as duplicates
                from lake.{base} group by _batch_id
            ) as f
            where b.batch_id = f._batch_id
            """
        )
        tables.lake.execute(
            f"delete from lake.{relation} where source = ? and landed > 0 and batch_id not in"
            f" (select _batch_id from lake.{base})",
            [source[5:-1]],
        )


def _clean(tables: Tables, relation: str) -> int:
    """Replace what is left of the values in texts; lists and structs lose the row."""
    texts = {
        name: kind
        for name, kind in tables.columns[relation].items()
        if "VARCHAR" in kind or kind == "JSON"
    }
    if not texts or not _has_any(tables, relation, list(texts)):
        return 0
    total = 0
    for column, kind in texts.items():
        for text in _found(tables, relation, column):
            total += _replace(tables, relation, column, kind, text)
    return total


def _has_any(tables: Tables, relation: str, columns: Sequence[str]) -> bool:
    """One look over all columns: most tables have nothing."""
    joined = ", ".join(f'cast("{column}" as varchar)' for column in columns)
    sql = (
        f"select 1 from lake.{relation} where regexp_matches(concat_ws(chr(10), {joined}), ?)"
        " limit 1"
    )
    patterns = tables.matcher.chunks()
    return any(tables.lake.execute(sql, [pattern]).fetchone() for pattern in patterns)


def _found(tables: Tables, relation: str, column: str) -> list[str]:
    found: set[str] = set()
    for pattern in tables.matcher.chunks():
        rows = tables.lake.execute(
            f'select distinct cast("{column}" as varchar) from lake.{relation}'
            f' where regexp_matches(cast("{column}" as varchar), ?)',
            [pattern],
        ).fetchall()
        found |= {text for (text,) in rows if tables.matcher.is_in(text)}
    return sorted(found)


def _replace(tables: Tables, relation: str, column: str, kind: str, text: str) -> int:
    is_text = kind in ("VARCHAR", "JSON")
    where = f'where cast("{column}" as varchar) = ?'
    if is_text:
        sql = f'update lake.{relation} set "{column}" = ? {where}'
        row = tables.lake.execute(sql, [tables.matcher.cleaned(text), text]).fetchone()
    else:
        row = tables.lake.execute(f"delete from lake.{relation} {where}", [text]).fetchone()
    return int(row[0]) if row else 0
