"""Files at a place that is not this machine: written here first, then put there, the manifest last
of all.

A reader who begins with ``manifest.json`` meets a whole file, the old one or the new one. The file
before is dropped when the manifest names the new one, so that nobody who left stays in an older
copy.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from activation.destination import Destination, DestinationSession
from activation.file_formats import (
    KEEP,
    NEUTRALIZE,
    OPTIONS,
    WRITERS,
    IsWithdrawn,
    keys,
    write,
    write_without,
)
from activation.model import Batch, Result, Row, all_sent
from segmentry.errors import ConfigError, DestinationError
from segmentry.sync_config import SyncConfig

MANIFEST = "manifest.json"


class Store(Protocol):
    """A folder there. Names are plain file names."""

    def put(self, local: Path, name: str) -> None:
        """Make the file appear under the name in one step."""

    def get(self, name: str, local: Path) -> bool:
        """Fetch a file; False if there is none."""

    def names(self) -> list[str]:
        """Files of the folder."""

    def drop(self, name: str) -> None:
        """Remove a file."""


class RemoteFiles(Destination):
    """The whole audience as one file and its manifest. Option ``format``: csv (default), ndjson or
    parquet.
    """

    options = OPTIONS
    is_snapshot = True
    cost_unit = "files"
    grains = ("profile", "membership", "transition")

    @abstractmethod
    def store(self, session: DestinationSession) -> AbstractContextManager[Store]:
        """The folder, open."""

    def upsert(self, session: DestinationSession, batch: Batch) -> Result:
        """Not used: the audience is written as a whole."""
        return all_sent(batch.rows)

    def remove(self, session: DestinationSession, batch: Batch) -> Result:
        """Not used: the audience is written as a whole."""
        return all_sent(batch.rows)

    def replace(self, session: DestinationSession, rows: Iterator[Row]) -> int:
        """Write the audience, put it there under a new name, then the manifest, then drop the file
        before it.
        """
        form = session.option("format", "csv")
        with self._exchange(session) as (here, there):
            local = here / file_name(session, form)
            count = write(local, session.sync, rows)
            _deliver(session, there, local, count)
        return count

    def withdraw(self, session: DestinationSession, identities: Collection[str]) -> None:
        """Fetch the current file and put it there again without these people; nothing if there is
        none.
        """
        with self._exchange(session) as (here, there):
            if (current := _fetched(there, here)) is None:
                return
            old, key = current
            local = here / file_name(session, old.suffix[1:], without=True)
            count = write_without(
                old, local, key or session.sync.key, among(session.sync, identities)
            )
            _deliver(session, there, local, count)

    @contextmanager
    def _exchange(self, session: DestinationSession) -> Iterator[tuple[Path, Store]]:
        session.folder.mkdir(parents=True, exist_ok=True)
        for left in session.folder.glob("send-*"):  # by a run that was killed
            shutil.rmtree(left, ignore_errors=True)
        with (
            tempfile.TemporaryDirectory(prefix="send-", dir=session.folder) as here,
            self.store(session) as there,
        ):
            yield Path(here), there

    def read_back(self, session: DestinationSession) -> Iterator[str]:
        """Keys in the current file; none before the first."""
        with self._exchange(session) as (here, there):
            if (current := _fetched(there, here)) is not None:
                yield from keys(current[0], session.sync)

    def check(self, sync: SyncConfig) -> None:
        """Check that the format exists."""
        super().check(sync)
        check_format(sync)


def check_format(sync: SyncConfig) -> None:
    """Raise ConfigError for a format, or a treatment of formulas, that does not exist."""
    for option, allowed in (("format", tuple(WRITERS)), ("formulas", (NEUTRALIZE, KEEP))):
        if sync.options.get(option, allowed[0]) not in allowed:
            raise ConfigError(
                f"{sync.path}: options/{option} is '{sync.options[option]}'",
                allowed=", ".join(allowed),
                remedy="use one of these",
            )


def file_name(session: DestinationSession, form: str, *, without: bool = False) -> str:
    """Name of a file of the run. without: of the one that people were removed from before the run
    wrote another.
    """
    return f"{session.sync.name}-{session.run_id}{'-without' if without else ''}.{form}"


def among(sync: SyncConfig, identities: Collection[str]) -> IsWithdrawn:
    """Whether a key of a file names one of these people."""
    wanted = frozenset(identities)
    normal: Callable[[str], str] = _of_email if sync.is_keyed_by_email else str
    return lambda key: key in wanted or normal(key) in wanted


def _of_email(key: str) -> str:
    return key.strip().lower()


def _fetched(there: Store, here: Path) -> tuple[Path, str | None] | None:
    """The current file and the name of its key column; None before the first."""
    manifest = here / MANIFEST
    if not there.get(MANIFEST, manifest):
        return None
    name, key = current_file(manifest)
    local = here / f"current-{name}"
    return (local, key) if there.get(name, local) else None


def current_file(manifest: Path) -> tuple[str, str | None]:
    """The name of the file that a manifest names, and that of its key column, which older manifests
    leave out.
    """
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
        return Path(str(content["files"][0]["path"])).name, content.get("key")
    except (ValueError, LookupError, TypeError, AttributeError):
        raise DestinationError(
            "the manifest of the delivered file cannot be read",
            allowed="manifest.json as a run wrote it",
            remedy=(
                "delete the file and its manifest.json at the destination, then run the sync again"
            ),
        ) from None


def _deliver(session: DestinationSession, there: Store, local: Path, count: int) -> None:
    session.ask_consent()
    there.put(local, local.name)
    manifest = local.parent / MANIFEST
    manifest.write_text(manifest_text(session, local, count), encoding="utf-8")
    session.ask_consent()  # no reader opens the file before the manifest names it
    there.put(manifest, MANIFEST)
    for old in there.names():
        if old not in (local.name, MANIFEST) and old.startswith((f"{session.sync.name}-run_", ".")):
            there.drop(old)


def manifest_text(session: DestinationSession, path: Path, count: int) -> str:
    """The name of the current file, with its length and checksum."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    entry = {"path": path.name, "rows": count, "sha256": digest, "bytes": path.stat().st_size}
    columns = {column.name: column.type for column in session.sync.columns}
    about = {"sync": session.sync.name, "run_id": session.run_id, "key": session.sync.key}
    content = {**about, "columns": columns, "files": [entry]}
    return json.dumps(content, indent=2) + "\n"
