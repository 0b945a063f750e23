"""Makes a backup while jobs run, and removes the oldest.

The order makes it consistent. The catalog is copied first: the files that it names never change,
and ``files_lock`` keeps them in place. The ledger is copied after it, so that it knows at least
what the lake knows of what was sent. MLflow's database precedes its artifacts. Objects come first
and the manifest last: a backup that was killed does not exist, and the next one uses its objects.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from runtime.backup import databases, erased, layout, manifest, sealing
from runtime.backup.manifest import BackupFile, Manifest, object_path
from runtime.backup.sealing import CHUNK, Sealer
from runtime.backup.stores import BackupStore, normal, store_at
from segmentry import tombstones, warehouse
from segmentry.errors import SegmentryError, UsageError
from segmentry.files_lock import files_kept
from segmentry.permissions import private_folder
from segmentry.progress import StepCount
from segmentry.settings import Settings

_ATTEMPTS = 3  # to read a file that another process writes at the time
_PACKAGES = ("segmentry", "duckdb", "dbt-core", "mlflow", "apache-airflow")
# Of a file that was written less than this ago, the time may not show that it was written again.
_SETTLED_NS = 100_000_000


@dataclass
class _BackupWork:
    """What one backup works with. known: objects that are stored. before: files of the newest
    backup by path. added: bytes stored by this one.
    """

    store: BackupStore
    sealer: Sealer
    known: set[str]
    before: dict[str, BackupFile]
    files: list[BackupFile] = field(default_factory=list)
    added: int = 0
    notes: list[str] = field(default_factory=list)


def create(settings: Settings, place: str, key: str | None, keep: int | None = None) -> Manifest:
    """Back up the home to a place, then remove all but the newest ``keep`` backups there."""
    layout.require_embedded(settings)
    if keep is not None and keep < 1:
        raise UsageError(
            f"--keep is {keep}", allowed="a whole number from 1", remedy="correct the number"
        )
    if not warehouse.catalog_file(settings).exists():
        raise UsageError(
            f"{settings.home} has no lake, so there is nothing to back up",
            allowed="a home in which `segmentry` has been used",
            remedy="set SEGMENTRY_HOME to the home",
        )
    store = store_at(settings, place)
    with files_kept(settings, "a backup"):
        sealer = sealing.create(store, key)
        tombstones.make_key(settings)
        made = _create(settings, store, sealer)
        erased.remember_place(settings, normal(place))
        erased.add_to_place(settings, store)
        notes = _retain(store, sealer, keep)
    return replace(made, notes=[*made.notes, *notes])


def _create(settings: Settings, store: BackupStore, sealer: Sealer) -> Manifest:
    taken_at = datetime.now(UTC)
    newest = _newest(store, sealer)
    known = {path.rpartition("/")[2] for path in store.names(manifest.OBJECTS)}
    before = {one.path: one for one in newest.files} if newest else {}
    work = _BackupWork(store, sealer, known, before)
    private_folder(settings.scratch)
    with TemporaryDirectory(prefix="backup-", dir=settings.scratch) as folder:
        lake = _add_lake(settings, work, Path(folder), newest)
        ledger_at = datetime.now(UTC)
        _add_others(settings, work, Path(folder))
    made = Manifest(
        name=f"{taken_at:%Y%m%dT%H%M%S.%fZ}",
        taken_at=_text(taken_at),
        finished_at=_text(datetime.now(UTC)),
        home=str(settings.home),
        lake=lake,
        ledger_at=_text(ledger_at),
        tombstones=erased.count(settings),
        versions={name: metadata.version(name) for name in _PACKAGES},
        has_secrets=sealer.is_encrypting,
        left_out=_left_out(settings, sealer),
        files=work.files,
        added_bytes=work.added,
        notes=work.notes,
    )
    manifest.save(store, sealer, made)
    return made


def _newest(store: BackupStore, sealer: Sealer) -> Manifest | None:
    """The newest backup that can be read: what it has is not stored again."""
    for name in reversed(manifest.names(store)):
        with suppress(SegmentryError):
            return manifest.load(store, sealer, name)
    return None


def _add_lake(
    settings: Settings, work: _BackupWork, folder: Path, newest: Manifest | None
) -> dict[str, Any]:
    """The catalog, and the files that its copy names."""
    copy = folder / "catalog.sqlite"
    databases.copy(warehouse.catalog_file(settings), copy)
    found = databases.contents_of_catalog(copy)
    if newest is not None and newest.lake["id"] != found["id"]:
        raise UsageError(
            "the backups at this place are of another lake",
            allowed="one place for each home",
            remedy="name a new place for this home",
        )
    if found["others"]:
        raise SegmentryError(
            f"the catalog names {len(found['others'])} file(s) outside the folder of the lake",
            allowed=f"files below {settings.lake_data}",
            remedy="write these relations again, so that their files are in the folder",
        )
    _add(work, layout.CATALOG, copy, is_copy=True)
    steps = StepCount("files of the lake", len(found["files"]))
    for name, size in sorted(found["files"].items()):
        path = f"{layout.LAKE_FILES}{name}"
        _add_immutable(work, path, layout.place_of(settings, path), size)
        steps.advance()
    return {name: found[name] for name in ("id", "snapshot", "at")}


def _add_immutable(work: _BackupWork, path: str, place: Path, size: int) -> None:
    before = work.before.get(path)
    if before is not None and before.size == size and work.known.issuperset(before.objects):
        work.files.append(before)
        return
    try:
        actual = place.stat()
    except FileNotFoundError:
        raise _damaged(place, "it is missing") from None
    if actual.st_size != size:
        raise _damaged(place, f"it has {actual.st_size:,} bytes instead of {size:,}")
    objects = [_store(work, chunk) for chunk in _chunks(place, size)]
    work.files.append(BackupFile(path, size, actual.st_mtime_ns, objects))


def _damaged(place: Path, fault: str) -> SegmentryError:
    return SegmentryError(
        f"the lake's file {place} is damaged: {fault}",
        allowed="every file that the lake's catalog names, as it was written",
        remedy="restore an earlier backup into an empty home; this backup is not kept",
    )


def _add_others(settings: Settings, work: _BackupWork, folder: Path) -> None:
    """The ledger, MLflow's database, then every other file; databases are copied whole."""
    for path in (layout.LEDGER, layout.MLFLOW):
        place = layout.place_of(settings, path)
        if place.exists():
            _add_database(work, path, place, folder)
    found = list(layout.other_files(settings))
    steps = StepCount("other files", len(found))
    for path, place in found:
        steps.advance()
        if layout.is_secret(path) and not work.sealer.is_encrypting:
            continue
        try:
            if databases.is_database(place):
                _add_database(work, path, place, folder)
            else:
                _add(work, path, place)
        except FileNotFoundError:  # another process has removed it since it was listed
            continue


def _add_database(work: _BackupWork, path: str, place: Path, folder: Path) -> None:
    copy = folder / "copy.sqlite"
    databases.copy(place, copy)
    _add(work, path, copy, is_copy=True)
    copy.unlink()


def _add(work: _BackupWork, path: str, place: Path, *, is_copy: bool = False) -> None:
    """One file as it is now; of one that grows, what it had when it was looked at."""
    for _ in range(_ATTEMPTS):
        status = place.stat()
        size = 0
        objects = []
        modified = 0 if is_copy else status.st_mtime_ns
        before = work.before.get(path)
        if (
            before is not None
            and not is_copy
            and (before.size, before.modified_ns) == (status.st_size, modified)
            and work.known.issuperset(before.objects)
        ):
            work.files.append(before)
            return
        is_settled = datetime.now(UTC).timestamp() * 1e9 - modified > _SETTLED_NS
        for chunk in _chunks(place, status.st_size):
            objects.append(_store(work, chunk))
            size += len(chunk)
        if _is_consistent(status, place.stat()):
            break
    else:
        work.notes.append(f"{path} was written while it was read, {_ATTEMPTS} times")
    work.files.append(BackupFile(path, size, modified if is_settled else 0, objects))


def _is_consistent(before: os.stat_result, after: os.stat_result) -> bool:
    """Whether what was read between them is one state of the file: it may have grown since."""
    if before.st_ino != after.st_ino:
        return False
    return before.st_mtime_ns == after.st_mtime_ns or after.st_size > before.st_size


def _chunks(place: Path, size: int) -> Iterator[bytes]:
    with place.open("rb") as file:
        left = size
        while left and (chunk := file.read(min(CHUNK, left))):
            left -= len(chunk)
            yield chunk


def _store(work: _BackupWork, content: bytes) -> str:
    name = work.sealer.name(content)
    if name not in work.known:
        work.store.write(object_path(name), work.sealer.seal(name, content))
        work.known.add(name)
        work.added += len(content)
    return name


def _left_out(settings: Settings, sealer: Sealer) -> dict[str, str]:
    found = {
        name: why for name, why in layout.MADE_AGAIN.items() if (settings.home / name).exists()
    }
    if not sealer.is_encrypting:
        found |= dict.fromkeys(layout.SECRETS, "secrets are in encrypted backups alone")
    found |= dict.fromkeys(layout.linked_folders(settings), "a link to elsewhere")
    inbox = os.environ.get("SEGMENTRY_INBOX")
    if inbox and not Path(inbox).resolve().is_relative_to(settings.home):
        found["SEGMENTRY_INBOX"] = "a folder outside the home"
    found["SEGMENTRY_CONFIG"] = "the configuration and the dbt project belong to version control"
    return found


def _retain(store: BackupStore, sealer: Sealer, keep: int | None) -> list[str]:
    """Remove old backups, and then the objects that no backup names. Returns what an operator
    should read.
    """
    for name in manifest.names(store)[:-keep] if keep is not None else []:
        manifest.remove(store, name)
    needed: set[str] = set()
    for name in manifest.names(store):
        try:
            needed |= manifest.load(store, sealer, name).objects
        except SegmentryError as error:
            return [f"{error.received}: no object is removed, as it may need any of them"]
    for path in store.names(manifest.OBJECTS):
        if path.rpartition("/")[2] not in needed:
            store.remove(path)
    return []


def _text(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")
