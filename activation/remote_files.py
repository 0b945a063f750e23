"""Files at a place that is not this machine: written here first, then put there, the manifest last of all.

A reader who begins with ``manifest.json`` meets a whole file, the old one or the new one. The file before is dropped
when the manifest names the new one, so that nobody who left stays in an older copy.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from activation.config import Sync
from activation.destination import Destination, Session
from activation.file_formats import WRITERS, keys
from activation.model import Batch, Result, Row, all_sent
from segmentry.errors import ConfigError

MANIFEST = "manifest.json"


class Store(Protocol):
    """A folder there. Names are plain file names."""

    def put(self, local: Path, name: str) -> None:
        """Make the file appear under the name in one step."""

    def get(self, name: str, local: Path) -> bool:
        """Fetch a file; False where there is none."""

    def names(self) -> list[str]:
        """Files of the folder."""

    def drop(self, name: str) -> None:
        """Remove a file."""


class RemoteFiles(Destination):
    """The whole audience as one file and its manifest. Option ``format``: csv (default), ndjson or parquet."""

    options = ("format",)
    is_snapshot = True
    cost_unit = "files"
    grains = ("profile", "membership", "transition")

    @abstractmethod
    def store(self, session: Session) -> AbstractContextManager[Store]:
        """The folder, open."""

    def upsert(self, session: Session, batch: Batch) -> Result:
        """Not used: the audience is written as a whole."""
        return all_sent(batch.rows)

    def remove(self, session: Session, batch: Batch) -> Result:
        """Not used: the audience is written as a whole."""
        return all_sent(batch.rows)

    def replace(self, session: Session, rows: Iterator[Row]) -> int:
        """Write the audience, put it there under a new name, then the manifest, then drop the file before it."""
        form = session.option("format", "csv")
        name = f"{session.sync.name}-{session.run_id}.{form}"
        session.folder.mkdir(parents=True, exist_ok=True)
        for left in session.folder.glob("send-*"):  # by a run that was killed
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix="send-", dir=session.folder) as here, self.store(session) as there:
            local = Path(here) / name
            count = WRITERS[form](local, session.sync.columns, rows)
            there.put(local, name)
            manifest = Path(here) / MANIFEST
            manifest.write_text(manifest_text(session, local, count), encoding="utf-8")
            there.put(manifest, MANIFEST)
            for old in there.names():
                if old not in (name, MANIFEST) and old.startswith((f"{session.sync.name}-run_", ".")):
                    there.drop(old)
        return count

    def read_back(self, session: Session) -> Iterator[str]:
        """Keys in the current file; none before the first."""
        session.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=session.folder) as here, self.store(session) as there:
            manifest = Path(here) / MANIFEST
            if there.get(MANIFEST, manifest):
                name = str(json.loads(manifest.read_text(encoding="utf-8"))["files"][0]["path"])
                local = Path(here) / Path(name).name
                there.get(local.name, local)
                yield from keys(local, session.sync.key)

    def check(self, sync: Sync) -> None:
        """Hold the format to those there are."""
        super().check(sync)
        check_format(sync)


def check_format(sync: Sync) -> None:
    """Raise ConfigError for a format there is none of."""
    if sync.options.get("format", "csv") not in WRITERS:
        raise ConfigError(
            f"{sync.path}: options/format is '{sync.options['format']}'",
            allowed=", ".join(WRITERS),
            remedy="use one of these formats",
        )


def manifest_text(session: Session, path: Path, count: int) -> str:
    """What says which file is the current one, and how to tell that it is whole."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    entry = {"path": path.name, "rows": count, "sha256": digest, "bytes": path.stat().st_size}
    columns = {column.name: column.type for column in session.sync.columns}
    content = {"sync": session.sync.name, "run_id": session.run_id, "columns": columns, "files": [entry]}
    return json.dumps(content, indent=2) + "\n"
