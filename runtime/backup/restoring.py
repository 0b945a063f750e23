"""Restores a backup into an empty home. Killed at any time, it goes on when it is run again.

The ledger comes first, with the mark that stops every sync, and the catalog last: whatever is run
on a home that is restored in part sends nothing. ``restoring.json`` is in the home until the end.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from activation.ledger import restores
from activation.ledger.database import Ledger
from runtime.backup import checking, databases, erased, layout, manifest
from runtime.backup.manifest import BackupFile, Manifest
from runtime.backup.sealing import Sealer
from runtime.backup.stores import BackupStore, normal
from segmentry import tombstones, warehouse
from segmentry.errors import SegmentryError, UsageError
from segmentry.files_lock import files_kept
from segmentry.job_lock import only_one
from segmentry.permissions import private_folder, write_secret
from segmentry.progress import StepCount
from segmentry.settings import Settings

_MARK = "restoring.json"
_PARTIAL_MARK = f".{_MARK}."  # what a kill leaves of a mark that was being written
# What may be in a home that counts as empty: what a start makes, and secrets that were put back.
_EMPTY = {"secrets", "scratch", "duckdb_extensions", "logs"}


@dataclass(frozen=True)
class RestoreReport:
    """What was restored. new_erasures: tombstones that the backup does not have."""

    manifest: Manifest
    new_erasures: int


def restore(
    settings: Settings,
    place: str,
    key: str | None,
    name: str | None = None,
    erasures: Path | None = None,
) -> RestoreReport:
    """Restore a backup, the newest without a name. erasures: a newer list of tombstones than that
    of the place. Call ``erase_again`` next; until then the restore counts as unfinished.
    """
    layout.require_embedded(settings)
    store, sealer = checking.opened(settings, place, key)
    begun = _begun(settings)
    chosen = manifest.named(store, name or begun)
    if begun not in (None, chosen):
        raise UsageError(
            f"a restore of the backup {begun} into this home was begun",
            allowed="that backup, or an empty home",
            remedy="leave the name out to go on with it, or name an empty SEGMENTRY_HOME",
        )
    made = manifest.load(store, sealer, chosen)
    later = [*erased.at_place(store), *(erased.of_file(erasures) if erasures else [])]
    if begun is None:
        _require_empty(settings)
    private_folder(settings.home)
    with files_kept(settings, "a restore"), only_one(settings, "restore"):
        if not _has_files(settings):
            _mark(settings, chosen, has_files=False)
            _write_files(settings, store, sealer, made)
        new = erased.merge(settings, later)
        erased.remember_place(settings, normal(place))
        _check(settings, made)
        # From here on an erasure may have begun: a second attempt writes no file again.
        _mark(settings, chosen, has_files=True)
    return RestoreReport(made, max(new, erased.count(settings) - made.tombstones))


def finish(settings: Settings) -> None:
    """Call it when everything that follows a restore is done."""
    for left in settings.home.glob(f"{_PARTIAL_MARK}*"):
        left.unlink(missing_ok=True)
    (settings.home / _MARK).unlink(missing_ok=True)


def _mark(settings: Settings, backup: str, *, has_files: bool) -> None:
    text = json.dumps({"backup": backup, "has_files": has_files})
    write_secret(settings.home / _MARK, text, is_durable=True)


def _read_mark(settings: Settings) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((settings.home / _MARK).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return found


def _begun(settings: Settings) -> str | None:
    return _read_mark(settings).get("backup")


def _has_files(settings: Settings) -> bool:
    return bool(_read_mark(settings).get("has_files"))


def _require_empty(settings: Settings) -> None:
    found = (
        sorted(path.name for path in settings.home.iterdir() if not path.name.endswith(".lock"))
        if settings.home.exists()
        else []
    )
    others = [name for name in found if name not in _EMPTY and not name.startswith(_PARTIAL_MARK)]
    outside = [layout.LEDGER, layout.CATALOG, layout.MLFLOW]
    others += [one for one in outside if layout.place_of(settings, one).exists()]
    if others:
        shown = ", ".join(dict.fromkeys(others[:5]))
        raise UsageError(
            f"the home {settings.home} is not empty: it has {shown}",
            allowed="a folder that is missing or empty; secrets/ may be there already",
            remedy="set SEGMENTRY_HOME to an empty folder, or move the present home away first",
        )


def _write_files(settings: Settings, store: BackupStore, sealer: Sealer, made: Manifest) -> None:
    order = {layout.LEDGER: 0, layout.CATALOG: 2}
    files = sorted(made.files, key=lambda one: order.get(one.path, 1))
    if not any(one.path == layout.LEDGER for one in files):
        _stop_syncs(settings, layout.place_of(settings, layout.LEDGER), made)
    steps = StepCount("files", len(files))
    for one in files:
        place = layout.place_of(settings, one.path)
        if not _is_there(place, one):
            _write(settings, store, sealer, made, one)
        steps.advance()


def _is_there(place: Path, one: BackupFile) -> bool:
    """Whether an earlier attempt wrote the file. Secrets that were put back stay as they are."""
    try:
        found = place.stat()
    except FileNotFoundError:
        return False
    if layout.is_secret(one.path):
        return True
    is_immutable = one.path.startswith(layout.LAKE_FILES)
    is_same = found.st_size == one.size and found.st_mtime_ns == one.modified_ns
    return is_same and (is_immutable or one.modified_ns != 0)


def _write(
    settings: Settings, store: BackupStore, sealer: Sealer, made: Manifest, one: BackupFile
) -> None:
    place = layout.place_of(settings, one.path)
    private_folder(place.parent)
    partial = place.with_name(f".{place.name}.part")
    mode = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    with os.fdopen(os.open(partial, mode, 0o600), "wb") as file:
        for name in one.objects:
            content = checking.content_of(store, sealer, name)
            if content is None:
                raise _damaged(made, [one.path])
            file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if partial.stat().st_size != one.size:
        raise _damaged(made, [one.path])
    if one.path == layout.LEDGER:
        _stop_syncs(settings, partial, made)
    if one.path == layout.MLFLOW:
        databases.write_new_home(partial, settings.home)
    if one.modified_ns:
        os.utime(partial, ns=(one.modified_ns, one.modified_ns))
    for end in ("-wal", "-shm", "-journal"):  # of a file that something has made meanwhile
        place.with_name(f"{place.name}{end}").unlink(missing_ok=True)
    partial.replace(place)


def _stop_syncs(settings: Settings, ledger: Path, made: Manifest) -> None:
    """Have every sync stop until an operator releases the restore."""
    with closing(Ledger(replace(settings, ledger_url=f"sqlite:///{ledger}"))) as opened:
        restores.begin(opened, made.name, made.ledger_at)
    for end in ("-wal", "-shm"):
        ledger.with_name(f"{ledger.name}{end}").unlink(missing_ok=True)


def _check(settings: Settings, made: Manifest) -> None:
    """The lake opens, at the snapshot of the backup."""
    warehouse.prepare(settings)
    with warehouse.connect(settings, read_only=True) as lake:
        snapshot = warehouse.current_snapshot(lake)
    if snapshot < int(made.lake["snapshot"]):
        raise _damaged(made, [layout.CATALOG])
    # Without the key nobody could see which of the restored people are forgotten.
    if tombstones.lines(settings):
        tombstones.Tombstones(settings)


def _damaged(made: Manifest, paths: Sequence[str]) -> SegmentryError:
    return SegmentryError(
        f"the backup {made.name} is damaged: {', '.join(paths)} cannot be read",
        allowed="a backup that `segmentry backup verify` finds sound",
        remedy="restore another backup of `segmentry backup list` into another empty home",
    )
