"""A program of its own that copies a SQLite file while others write to it, and reads such a copy.

When Python's SQLite closes a file, it releases the locks of DuckDB in the same process, so the
process that has the lake open starts this one. It imports nothing of the product. Usage:

    python copying.py copy FROM TO          whole, as of one transaction; checked
    python copying.py lake COPY             JSON: what the catalog of a lake names
    python copying.py rehome FILE HOME      write HOME in place of the home whose artifacts a
                                            database of MLflow names, in every text
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

_SECONDS = 60.0  # that a writer may keep the file locked
_ARTIFACTS = "/mlflow/artifacts/"
# A file's path may be relative to its table's, that to its schema's, and that to the lake's folder.
_FILES = """
select
    f.path, f.path_is_relative, f.file_size_bytes,
    t.path, t.path_is_relative, s.path, s.path_is_relative
from (
    select path, path_is_relative, file_size_bytes, table_id from ducklake_data_file
    union all
    select path, path_is_relative, file_size_bytes, table_id from ducklake_delete_file
) as f
inner join (
    select table_id, path, path_is_relative, schema_id,
        row_number() over (partition by table_id order by begin_snapshot desc) as place
    from ducklake_table
) as t on f.table_id = t.table_id and t.place = 1
inner join ducklake_schema as s on t.schema_id = s.schema_id
order by 1
"""


def copy(source: str, target: str) -> dict[str, Any]:
    """Copy a file of SQLite in one transaction, and check the copy."""
    Path(target).unlink(missing_ok=True)
    with closing(_opened(source)) as original, closing(sqlite3.connect(target)) as made:
        original.backup(made)
        made.execute("pragma journal_mode=delete")
        (verdict,) = made.execute("pragma quick_check").fetchone()
    return {"verdict": verdict}


def lake(catalog: str) -> dict[str, Any]:
    """What the catalog names: files below the lake's folder with their bytes, the newest snapshot,
    and the lake's own id. others: paths that are not below the folder.
    """
    with closing(_opened(catalog)) as copy_:
        files: dict[str, int] = {}
        others = []
        for row in copy_.execute(_FILES).fetchall():
            path, is_inside = _joined(row)
            if is_inside:
                files[path] = int(row[2])
            else:
                others.append(path)
        (snapshot, at) = copy_.execute(
            "select snapshot_id, snapshot_time from ducklake_snapshot order by 1 desc limit 1"
        ).fetchone()
        # The first schema is that which every lake begins with.
        (name,) = copy_.execute(
            "select schema_uuid from ducklake_schema order by schema_id limit 1"
        ).fetchone()
    return {"files": files, "others": others, "snapshot": snapshot, "at": str(at), "id": str(name)}


def rehome(file: str, home: str) -> dict[str, Any]:
    """Have MLflow's database name its artifacts in this home: it has their whole paths, those of a
    home that was moved before too. A repetition changes nothing.
    """
    changed = 0
    with closing(_opened(file)) as database, database:
        tables = database.execute("select name from sqlite_master where type = 'table'").fetchall()
        for old, new in _former_homes(database, home):
            for (table,) in tables:
                for column in database.execute(f'pragma table_info("{table}")').fetchall():
                    sql = (
                        f'update "{table}" set "{column[1]}" = replace("{column[1]}", ?, ?)'
                        f' where typeof("{column[1]}") = \'text\' and instr("{column[1]}", ?) > 0'
                    )
                    changed += database.execute(sql, [old, new, old]).rowcount
    return {"changed": changed}


def _former_homes(database: sqlite3.Connection, home: str) -> list[tuple[str, str]]:
    """(text that names artifacts in a former home, text that names them in this one)."""
    found = {}
    for (place,) in database.execute("select artifact_location from experiments").fetchall():
        start, middle, _ = place.partition(_ARTIFACTS)
        new = Path(home).as_uri() if start.startswith("file://") else home
        if middle and start != new:
            found[f"{start}{_ARTIFACTS}"] = f"{new}{_ARTIFACTS}"
    return sorted(found.items(), reverse=True)  # addresses of files before the paths in them


def _joined(row: tuple[Any, ...]) -> tuple[str, bool]:
    path, is_relative, _, table, table_is_relative, schema, schema_is_relative = row
    if not is_relative:
        return path, False
    if not table_is_relative:
        return f"{table}{path}", False
    return f"{schema}{table}{path}", bool(schema_is_relative)


def _opened(file: str) -> sqlite3.Connection:
    if not Path(file).exists():
        raise FileNotFoundError(file)
    return sqlite3.connect(file, timeout=_SECONDS)


_COMMANDS: dict[str, Callable[..., dict[str, Any]]] = {"copy": copy, "lake": lake, "rehome": rehome}


def main(words: list[str]) -> None:
    """Run one command, and print its result as JSON."""
    print(json.dumps(_COMMANDS[words[0]](*words[1:])))


if __name__ == "__main__":
    main(sys.argv[1:])
