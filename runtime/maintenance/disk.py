"""How much each store of a home takes, and how much a run adds to it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from runtime.backup import layout
from segmentry.settings import Settings

# First folders or files of a home, by the store that they are counted as; the rest is `other`.
_STORES = {
    "inbox": "inbox", "outbox": "outbox", "mlflow": "mlflow", "airflow": "airflow", "logs": "logs",
    "great_expectations": "gates", "data_docs": "gates", "dbt": "compiled dbt and its docs",
    "dbt_docs": "compiled dbt and its docs", "duckdb_extensions": "extensions",
    "scratch": "scratch", "live.sqlite": "live", "store": "live",
}  # fmt: skip
LAKE = "lake files"
CATALOG = "lake catalog"
LEDGER = "ledger"
OTHER = "other"
_KEPT = 400  # lines: more than a year of daily runs


def usage(settings: Settings) -> dict[str, int]:
    """Bytes of each store, the largest first. The extensions are links to the packages' files, and
    count where they are links on the same disk too.
    """
    found: dict[str, int] = {}
    databases = {
        str(layout.place_of(settings, layout.CATALOG)): CATALOG,
        str(layout.place_of(settings, layout.LEDGER)): LEDGER,
    }
    roots = [settings.home]
    lake = Path(settings.lake_data) if "://" not in settings.lake_data else None
    if lake is not None and not lake.is_relative_to(settings.home):
        roots.append(lake)
    for root in roots:
        for folder, _, names in os.walk(root):
            for name in names:
                path = Path(folder, name)
                store = _store(settings, path, lake, databases)
                found[store] = found.get(store, 0) + _size(path)
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def _store(settings: Settings, path: Path, lake: Path | None, databases: Mapping[str, str]) -> str:
    if lake is not None and path.is_relative_to(lake):
        return LAKE
    for end in ("", "-wal", "-shm"):
        if (store := databases.get(str(path).removesuffix(end))) is not None:
            return store
    return _STORES.get(path.relative_to(settings.home).parts[0], OTHER)


def record_run(settings: Settings) -> None:
    """Keep the sizes at the end of a run, for the growth that ``growth`` computes."""
    path = _file(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps({"at": datetime.now(UTC).isoformat(), "bytes": usage(settings)})
    lines = [*_lines(path), line][-_KEPT:]
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text("".join(f"{one}\n" for one in lines), encoding="utf-8")
    partial.replace(path)


def growth(settings: Settings) -> dict[str, float]:
    """Bytes that a run adds to each store, as the mean of the recorded runs; without two of them
    nothing.
    """
    runs = [json.loads(line)["bytes"] for line in _lines(_file(settings))]
    if len(runs) < 2:
        return {}
    first = runs[0]
    last = runs[-1]
    return {name: (last.get(name, 0) - first.get(name, 0)) / (len(runs) - 1) for name in last}


def _file(settings: Settings) -> Path:
    return settings.home / "logs" / "disk.ndjson"


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0
