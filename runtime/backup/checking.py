"""Lists the backups of a place, and reads them back: every object of every file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from runtime.backup import manifest, sealing
from runtime.backup.manifest import Manifest, object_path
from runtime.backup.sealing import Sealer
from runtime.backup.stores import BackupStore, store_at
from segmentry.errors import SegmentryError, UsageError
from segmentry.progress import StepCount
from segmentry.settings import Settings

_SHOWN = 5  # damaged files that are named


def opened(settings: Settings, place: str, key: str | None) -> tuple[BackupStore, Sealer]:
    """The store and the sealer of a place that has backups, or UsageError."""
    store = store_at(settings, place)
    try:
        return store, sealing.existing(store, key)
    except FileNotFoundError:
        raise UsageError(
            f"there is no backup at {place}",
            allowed="a place that `segmentry backup create` wrote to",
            remedy="correct the place",
        ) from None


def backups(settings: Settings, place: str, key: str | None) -> list[dict[str, Any]]:
    """Each backup of the place, the oldest first, as a row."""
    store, sealer = opened(settings, place, key)
    return [manifest.load(store, sealer, name).described() for name in manifest.names(store)]


@dataclass
class Verified:
    """What a check of one backup found. damaged: paths of files that cannot be restored."""

    name: str
    files: int = 0
    size: int = 0
    damaged: list[str] = field(default_factory=list)
    fault: str = ""

    def described(self) -> dict[str, Any]:
        """One row for people."""
        shown = ", ".join(self.damaged[:_SHOWN]) + (", …" if len(self.damaged) > _SHOWN else "")
        return {
            "backup": self.name,
            "verdict": "damaged" if self.damaged or self.fault else "sound",
            "files": self.files,
            "bytes": self.size,
            "damaged_files": len(self.damaged),
            "detail": self.fault or shown,
        }


def verify(
    settings: Settings, place: str, key: str | None, name: str | None = None
) -> list[Verified]:
    """Read every object of every backup, or of one, and compare it with its name."""
    store, sealer = opened(settings, place, key)
    names = manifest.names(store) if name is None else [manifest.named(store, name)]
    found = [_manifest_of(store, sealer, one) for one in names]
    needed = {digest for one in found if isinstance(one, Manifest) for digest in one.objects}
    damaged = _damaged(store, sealer, sorted(needed))
    return [_verdict(one, damaged) for one in found]


def _manifest_of(store: BackupStore, sealer: Sealer, name: str) -> Manifest | Verified:
    try:
        return manifest.load(store, sealer, name)
    except SegmentryError as error:
        return Verified(name, fault=error.received)


def _damaged(store: BackupStore, sealer: Sealer, names: Sequence[str]) -> set[str]:
    steps = StepCount("objects", len(names))
    damaged = set()
    for name in names:
        if content_of(store, sealer, name) is None:
            damaged.add(name)
        steps.advance()
    return damaged


def content_of(store: BackupStore, sealer: Sealer, name: str) -> bytes | None:
    """The content of an object, or None if it is missing or not what was stored."""
    try:
        content = sealer.opened(name, store.read(object_path(name)))
    except FileNotFoundError:
        return None
    return content if content is not None and sealer.name(content) == name else None


def _verdict(found: Manifest | Verified, damaged: set[str]) -> Verified:
    if isinstance(found, Verified):
        return found
    paths = [one.path for one in found.files if not damaged.isdisjoint(one.objects)]
    return Verified(found.name, len(found.files), found.size, paths)
