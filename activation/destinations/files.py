"""Files: the whole audience as CSV, NDJSON or Parquet under home/outbox/<sync>/, with a manifest
written last.

Options: ``format`` csv (default), ndjson or parquet; ``formulas`` neutralize (default) or keep: in
a CSV file, a text that a spreadsheet would run as a formula gets an apostrophe before it, or is
written as it is. A file appears under its name in one step, when it is complete; the one before it
is then removed, so that nobody who left stays in an older copy. ``manifest.json`` names the current
file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from activation.destination import (
    EVERY_CHANNEL,
    EVERY_PURPOSE,
    Destination,
    DestinationSession,
    PlaceNames,
)
from activation.file_formats import FORMS, OPTIONS, keys, write, write_without
from activation.model import Batch, Result, Row, all_sent
from activation.remote_files import (
    MANIFEST,
    among,
    check_format,
    current_file,
    file_name,
    manifest_text,
)
from segmentry.sync_config import SyncConfig


class Files(Destination):
    """Files on this machine."""

    options = OPTIONS
    place = PlaceNames(is_by_sync=True)
    forms = FORMS
    purposes = EVERY_PURPOSE
    channels = EVERY_CHANNEL
    is_snapshot = True
    cost_unit = "files"
    grains = ("profile", "membership", "transition")

    def upsert(self, session: DestinationSession, batch: Batch) -> Result:
        """Not used: the audience is written as a whole."""
        return all_sent(batch.rows)

    def remove(self, session: DestinationSession, batch: Batch) -> Result:
        """Not used: the audience is written as a whole."""
        return all_sent(batch.rows)

    def replace(self, session: DestinationSession, rows: Iterator[Row]) -> int:
        """Write the audience under a new name, then the manifest, then drop the file before it."""
        name = file_name(session, session.option("format", "csv"))
        session.folder.mkdir(parents=True, exist_ok=True)
        count = write(_partial(session, name), session.sync, rows)
        session.ask_consent()
        _appear(session, name, count)
        return count

    def withdraw(self, session: DestinationSession, identities: Collection[str]) -> None:
        """Write the current file again without these people; nothing if there is none."""
        if (current := _current(session)) is None:
            return
        old, key = current
        name = file_name(session, old.suffix[1:], without=True)
        withdrawn = among(session.sync, identities)
        count = write_without(old, _partial(session, name), key or session.sync.key, withdrawn)
        _appear(session, name, count)

    def read_back(self, session: DestinationSession) -> Iterator[str]:
        """Keys in the current file; none before the first."""
        current = _current(session)
        return keys(current[0], session.sync) if current else iter(())

    def check(self, sync: SyncConfig) -> None:
        """Check that the format exists."""
        super().check(sync)
        check_format(sync)


def _current(session: DestinationSession) -> tuple[Path, str | None] | None:
    manifest = session.folder / MANIFEST
    if not manifest.exists():
        return None
    name, key = current_file(manifest)
    path = session.folder / name
    return (path, key) if path.exists() else None


def _partial(session: DestinationSession, name: str) -> Path:
    return session.folder / f".{name}.partial"


def _appear(session: DestinationSession, name: str, count: int) -> None:
    _partial(session, name).replace(session.folder / name)
    manifest = session.folder / ".manifest.partial"
    manifest.write_text(manifest_text(session, session.folder / name, count), encoding="utf-8")
    manifest.replace(session.folder / MANIFEST)
    for old in session.folder.iterdir():
        if old.name not in {name, MANIFEST} and old.name.startswith((session.sync.name, ".")):
            old.unlink()


DESTINATION = Files()
