"""DuckDB's extensions: from their packages on the package index, put where a home's DuckDB looks
for them.
"""

from __future__ import annotations

import filecmp
import importlib.util
import os
import platform
import shutil
from functools import cache
from pathlib import Path

import duckdb

from segmentry.errors import SegmentryError
from segmentry.settings import Settings

EXTENSIONS = ("ducklake", "sqlite_scanner", "postgres_scanner", "httpfs")


def install(settings: Settings) -> Path:
    """Put the signed extension files of their Python packages where DuckDB looks; return that
    folder.

    They are linked on the same file system: a copy takes 129 MB of every home.
    """
    target = _folder(settings)
    target.mkdir(parents=True, exist_ok=True)
    for name in EXTENSIONS:
        destination = target / f"{name}.duckdb_extension"
        if not destination.exists():
            partial = destination.with_suffix(f".{os.getpid()}")
            _link_or_copy(_packaged(name), partial)
            partial.replace(destination)
    return settings.extensions


def _folder(settings: Settings) -> Path:
    machine = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "arm64": "arm64"}[
        platform.machine()
    ]
    system = {"Linux": "linux", "Darwin": "osx"}[platform.system()]
    return settings.extensions / f"v{duckdb.__version__}" / f"{system}_{machine}"


def are_packaged(settings: Settings) -> bool:
    """Whether the home's extensions are those of the installed packages, of which the lock pins the
    hashes.

    Copies, made where the home is on another file system, are compared byte by byte, once in a
    process.
    """
    folder = _folder(settings)
    pairs = [(folder / f"{name}.duckdb_extension", _packaged(name)) for name in EXTENSIONS]
    try:
        return all(
            existing.samefile(packaged) or filecmp.cmp(existing, packaged, shallow=False)
            for existing, packaged in pairs
        )
    except FileNotFoundError:
        return False


def _link_or_copy(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


@cache
def _packaged(name: str) -> Path:
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    folders = list(spec.submodule_search_locations or []) if spec else []
    for folder in folders:
        found = sorted(Path(folder).glob(f"**/v{duckdb.__version__}/**/{name}.duckdb_extension"))
        if found:
            return found[0]
    raise SegmentryError(
        f"the DuckDB extension '{name}' for version {duckdb.__version__} is not installed",
        allowed=f"the package duckdb-extension-{name.replace('_', '-')} at the version of duckdb",
        remedy="run `make install`",
    )
