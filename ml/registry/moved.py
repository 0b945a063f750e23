"""A home that was copied or moved as files: MLflow's own database has the whole paths of its
artifacts, and would read and write those of the former place.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from segmentry.settings import Settings

_PARTS = "/mlflow/artifacts/"
_COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def follow(settings: Settings) -> int:
    """Have the home's own database name the artifacts next to it; returns how many places changed.

    A database that is not the home's own, or that this process may not write, stays as it is. A
    repetition changes nothing.
    """
    file = settings.home / "mlflow" / "mlflow.db"
    if settings.mlflow_uri != f"sqlite:///{file}" or not settings.mlflow_artifacts.is_dir():
        return 0
    if not file.exists():
        return 0
    with closing(sqlite3.connect(file)) as database:
        try:
            former = _former_places(database, settings.home)
            if not former:
                return 0
            with database:
                return sum(_rename(database, old, new) for old, new in former.items())
        except sqlite3.OperationalError:  # tables of another version, or a file to read only
            return 0


def _former_places(database: sqlite3.Connection, home: Path) -> dict[str, str]:
    """Beginnings of addresses in other homes, and those of this home in their place."""
    found = {}
    for (place,) in database.execute("select artifact_location from experiments"):
        start, middle, _ = place.partition(_PARTS)
        new = home.absolute().as_uri() if start.startswith("file://") else str(home)
        if middle and start != new and "://" not in start.removeprefix("file://"):
            found[start + _PARTS] = new + _PARTS
    return found


def _rename(database: sqlite3.Connection, old: str, new: str) -> int:
    # Parts of the statement are the names above.
    return sum(
        database.execute(
            f"update {table} set {column} = ? || substr({column}, ?)"
            f" where substr({column}, 1, ?) = ?",
            [new, len(old) + 1, len(old), old],
        ).rowcount
        for table, column in _COLUMNS
    )
