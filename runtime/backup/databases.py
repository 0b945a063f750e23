"""Databases of a home, each copied and read by a process of its own (``copying``)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from segmentry import faults
from segmentry.errors import SegmentryError

_PROGRAM = Path(__file__).with_name("copying.py")
_HEADER = b"SQLite format 3\0"


def is_database(path: Path) -> bool:
    """Whether the file is one of SQLite, whatever its name."""
    if path.suffix not in {".db", ".sqlite"}:
        return False
    with path.open("rb") as file:
        return file.read(len(_HEADER)) == _HEADER


def copy(source: Path, target: Path) -> None:
    """Copy a database whole, as of one transaction, while others write to it."""
    verdict = _run("copy", source, target)["verdict"]
    if verdict != "ok":
        raise SegmentryError(
            f"the database {source} is damaged: {str(verdict)[:200]}",
            allowed="a file that SQLite's own check finds sound",
            remedy="restore an earlier backup; this one is not kept",
        )


def contents_of_catalog(catalog: Path) -> dict[str, Any]:
    """What a copy of the lake's catalog names: see ``copying.lake``."""
    return _run("lake", catalog)


def write_new_home(database: Path, home: Path) -> None:
    """Have MLflow's database name its artifacts in this home."""
    _run("rehome", database, home)


def _run(*words: str | Path) -> dict[str, Any]:
    command = [sys.executable, "-I", str(_PROGRAM), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode == 0:
        found: dict[str, Any] = json.loads(done.stdout)
        return found
    if faults.means_disk_full(done.stderr):
        raise faults.no_room()
    kind = (done.stderr.strip().splitlines() or ["no message"])[-1]
    raise SegmentryError(
        f"{words[1]} could not be copied or read: {kind[:200]}",
        allowed="a file of SQLite that is sound",
        remedy="if another program keeps it locked, stop it, then run the same command again",
    )
