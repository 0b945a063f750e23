"""What a backup consists of: a file of JSON, written last, that names the objects of each file."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from runtime.backup.sealing import FORMAT, Sealer
from runtime.backup.stores import BackupStore
from segmentry.errors import SegmentryError, UsageError

FOLDER = "backups/"
OBJECTS = "objects/"
NAME = re.compile(r"\d{8}T\d{6}\.\d{6}Z")
_DIGEST = 64  # hexadecimal digits of SHA-256


@dataclass(frozen=True)
class BackupFile:
    """One file. path: in the home of the embedded layout. modified_ns: of the file; 0 for a copy
    of a database. objects: names of its chunks, in order.
    """

    path: str
    size: int
    modified_ns: int
    objects: list[str]


@dataclass(frozen=True)
class Manifest:
    """One backup. home: the folder it was taken of. lake: id, snapshot and its time. versions: of
    what wrote the files. left_out: what is not in it, with the reason. added_bytes: stored by this
    backup and by none before.
    """

    name: str
    taken_at: str
    finished_at: str
    home: str
    lake: Mapping[str, Any]
    ledger_at: str
    tombstones: int
    versions: Mapping[str, str]
    has_secrets: bool
    left_out: Mapping[str, str]
    files: list[BackupFile]
    added_bytes: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(one.size for one in self.files)

    @property
    def objects(self) -> set[str]:
        """Names of all objects."""
        return {name for one in self.files for name in one.objects}

    def described(self) -> dict[str, Any]:
        """One row for people."""
        return {
            "backup": self.name,
            "taken_at": self.taken_at,
            "files": len(self.files),
            "bytes": self.size,
            "added_bytes": self.added_bytes,
            "snapshot": self.lake.get("snapshot"),
            "has_secrets": self.has_secrets,
            "version": self.versions.get("segmentry", ""),
        }


def object_path(name: str) -> str:
    """Where an object is: in one of 256 folders."""
    return f"{OBJECTS}{name[:2]}/{name}"


def save(store: BackupStore, sealer: Sealer, manifest: Manifest) -> None:
    """Write it: from here on the backup exists."""
    content = json.dumps({"format": FORMAT, **asdict(manifest)}).encode()
    digest = hashlib.sha256(content).hexdigest().encode()
    path = _path(manifest.name)
    store.write(path, sealer.seal(path, digest + content))


def load(store: BackupStore, sealer: Sealer, name: str) -> Manifest:
    """The backup of that name; SegmentryError for one that is damaged."""
    path = _path(name)
    content = sealer.opened(path, store.read(path))
    if content is not None and _is_whole(content):
        found = json.loads(content[_DIGEST:])
        if found.pop("format") == FORMAT:
            files = [BackupFile(**one) for one in found.pop("files")]
            return Manifest(**found, files=files)
    raise SegmentryError(
        f"the manifest of the backup {name} is damaged, or of another version",
        allowed="a manifest as `segmentry backup create` wrote it",
        remedy="use another backup of `segmentry backup list`",
    )


def names(store: BackupStore) -> list[str]:
    """Names of all backups of a place, the oldest first."""
    stems = [path.removeprefix(FOLDER).removesuffix(".json") for path in store.names(FOLDER)]
    return sorted(stem for stem in stems if NAME.fullmatch(stem))


def named(store: BackupStore, name: str | None) -> str:
    """The backup of that name, the newest without one, or UsageError."""
    known = names(store)
    if name is None and known:
        return known[-1]
    if name not in known:
        raise UsageError(
            f"there is no backup '{str(name)[:40]}'"
            if name
            else "there is no backup at this place",
            allowed=", ".join(known[-5:]) or "a place that `segmentry backup create` wrote to",
            remedy="`segmentry backup list` shows the backups of a place",
        )
    return name


def remove(store: BackupStore, name: str) -> None:
    """Remove a backup; its objects are removed by the sweep that follows."""
    store.remove(_path(name))


def _path(name: str) -> str:
    return f"{FOLDER}{name}.json"


def _is_whole(content: bytes) -> bool:
    digest = hashlib.sha256(content[_DIGEST:]).hexdigest().encode()
    return content[:_DIGEST] == digest
