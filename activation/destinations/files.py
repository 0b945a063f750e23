"""Files: the whole audience as CSV, NDJSON or Parquet under home/outbox/<sync>/, with a manifest written last.

Options: ``format`` csv (default), ndjson or parquet. A file appears under its name in one step, when it is complete;
the one before it is then removed, so that nobody who left stays in an older copy. ``manifest.json`` names the current
file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from activation.config import Sync
from activation.destination import Destination, Session
from activation.file_formats import WRITERS, keys
from activation.model import Batch, Result, Row, all_sent
from activation.remote_files import check_format, manifest_text


class Files(Destination):
    """Files on this machine."""

    options = ("format",)
    is_snapshot = True
    cost_unit = "files"
    grains = ("profile", "membership", "transition")

    def upsert(self, session: Session, batch: Batch) -> Result:
        """Not used: the audience is written as a whole."""
        return all_sent(batch.rows)

    def remove(self, session: Session, batch: Batch) -> Result:
        """Not used: the audience is written as a whole."""
        return all_sent(batch.rows)

    def replace(self, session: Session, rows: Iterator[Row]) -> int:
        """Write the audience under a new name, then the manifest, then drop the file before it."""
        form = session.option("format", "csv")
        session.folder.mkdir(parents=True, exist_ok=True)
        name = f"{session.sync.name}-{session.run_id}.{form}"
        partial = session.folder / f".{name}.partial"
        count = WRITERS[form](partial, session.sync.columns, rows)
        partial.replace(session.folder / name)
        _write_manifest(session, name, count)
        for old in session.folder.iterdir():
            if old.name not in {name, "manifest.json"} and old.name.startswith((session.sync.name, ".")):
                old.unlink()
        return count

    def read_back(self, session: Session) -> Iterator[str]:
        """Keys in the current file; none before the first."""
        manifest = session.folder / "manifest.json"
        if not manifest.exists():
            return iter(())
        name = json.loads(manifest.read_text(encoding="utf-8"))["files"][0]["path"]
        return keys(session.folder / name, session.sync.key)

    def check(self, sync: Sync) -> None:
        """Hold the format to those there are."""
        super().check(sync)
        check_format(sync)


def _write_manifest(session: Session, name: str, count: int) -> None:
    partial = session.folder / ".manifest.partial"
    partial.write_text(manifest_text(session, session.folder / name, count), encoding="utf-8")
    partial.replace(session.folder / "manifest.json")


DESTINATION = Files()
