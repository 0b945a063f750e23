"""Which files a backup has, where they are in this installation, and what is left out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from segmentry import warehouse
from segmentry.errors import UsageError
from segmentry.settings import Settings

CATALOG = "lake/catalog.sqlite"
LAKE_FILES = "lake/data/"
LEDGER = "ledger.sqlite"
MLFLOW = "mlflow/mlflow.db"
# First folders of the home that the next start or run makes again, and what makes them.
MADE_AGAIN = {
    "duckdb_extensions": "every start puts them there",
    "scratch": "temporary files",
    "dbt": "the next run makes it from the project",
    "dbt_docs": "the next `segmentry up` makes it",
}
# Files with keys and passwords: in an encrypted backup alone.
SECRETS = ("secrets/", "airflow/keys.json")
# Airflow writes its defaults there if it is missing; all that counts comes from the environment.
_LEFT = {"airflow/airflow.cfg"}
_ENDS = (".lock", "-wal", "-shm", "-journal", ".services.json", ".pid")


def require_embedded(settings: Settings) -> None:
    """Raise UsageError for a layout whose state is on servers: this would not have it."""
    servers = {
        "the lake's catalog (SEGMENTRY_CATALOG)": not settings.is_embedded,
        "the ledger (SEGMENTRY_LEDGER_URL)": not settings.ledger_url.startswith("sqlite:"),
        "MLflow (MLFLOW_TRACKING_URI)": not settings.mlflow_uri.startswith("sqlite:"),
        "the lake's files (SEGMENTRY_LAKE_DATA)": "://" in settings.lake_data,
    }
    if found := [name for name, is_on_server in servers.items() if is_on_server]:
        raise UsageError(
            f"{', '.join(found)}: not in files of this machine, so a backup would not have it",
            allowed="the embedded layout: SQLite and files",
            remedy=(
                "back up the servers by their own tools, in the order of docs/how-to/backup.md"
                " (pg_dump of the catalog first, then the lake's files, then the ledger)"
            ),
        )


def place_of(settings: Settings, path: str) -> Path:
    """Where a file of a backup is in this installation."""
    databases = {
        CATALOG: warehouse.catalog_file(settings),
        LEDGER: _sqlite_file(settings.ledger_url),
        MLFLOW: _sqlite_file(settings.mlflow_uri),
    }
    if path in databases:
        return databases[path]
    if path.startswith(LAKE_FILES):
        return Path(settings.lake_data) / path.removeprefix(LAKE_FILES)
    return settings.home / path


def is_secret(path: str) -> bool:
    """Whether the file has keys or passwords."""
    return path.startswith(SECRETS)


def other_files(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Every file of the home but the lake's and the three databases above, with its path there."""
    placed = {place_of(settings, path).resolve() for path in (CATALOG, LEDGER, MLFLOW)}
    lake = Path(settings.lake_data).resolve()
    for folder, names, files in os.walk(settings.home):
        here = Path(folder)
        names[:] = sorted(
            name
            for name in names
            if (here / name).resolve() != lake
            and not (here == settings.home and name in MADE_AGAIN)
        )
        for name in sorted(files):
            path = here / name
            place = path.relative_to(settings.home).as_posix()
            if place in _LEFT or _is_transient(name) or path.resolve() in placed:
                continue
            if path.is_file():
                yield place, path


def linked_folders(settings: Settings) -> list[str]:
    """Folders of the home that are links to elsewhere: their content is not in a backup."""
    found = []
    for folder, names, _ in os.walk(settings.home):
        here = Path(folder)
        found += [
            (here / name).relative_to(settings.home).as_posix()
            for name in names
            if (here / name).is_symlink()
            and not (here / name).resolve().is_relative_to(settings.home)
        ]
    return sorted(name for name in found if name.split("/")[0] not in MADE_AGAIN)


def _is_transient(name: str) -> bool:
    return name.endswith(_ENDS) or (name.startswith(".") and name.endswith((".erasure", ".part")))


def _sqlite_file(url: str) -> Path:
    return Path(sa.make_url(url).database or "").resolve()
