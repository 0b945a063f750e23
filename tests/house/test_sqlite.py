"""The lake's catalog is opened by DuckDB alone.

Two copies of SQLite in one process let go of each other's locks, and one removes a log that the
other still uses.
"""

from __future__ import annotations

import ast

from segmentry.settings import ROOT

# The simulator's tools keep a file of their own; the ledger's is opened by SQLAlchemy.
# An erasure opens the files of other tools, and leaves the catalog to a process of its own. A
# backup's copies are made by a program of their own, which nothing imports. MLflow's file is opened
# by Python's SQLite alone.
# The live engine's state and the real-time store are files of their own.
ALLOWED = {
    "ml/registry/embedded.py",
    "ml/registry/moved.py",
    "simulator/_tools.py",
    "privacy/databases.py",
    "live/state.py",
    "live/store/embedded.py",
    "live/store/opened.py",
    "runtime/backup/copying.py",
}
SKIPPED = {"tests", ".venv", "build"}


def importing(name: str) -> set[str]:
    found = set()
    for path in ROOT.rglob("*.py"):
        place = path.relative_to(ROOT)
        if place.parts[0] in SKIPPED:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = [
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
        ]
        names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        if name in names:
            found.add(place.as_posix())
    return found


def test_python_s_sqlite_is_imported_where_no_catalog_is() -> None:
    assert importing("sqlite3") == ALLOWED
