"""Finds a source's files: from names, folders and globs to a sorted list, each with what is known of it."""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

FORMATS = {
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
}
# One read of the hash: large enough that the disk is the limit, small enough not to matter in memory.
HASH_BYTES = 1 << 20


@dataclass(frozen=True)
class Found:
    """A file to land. fault: why it cannot be landed; is_skipped: it lay in a folder and is of no format known."""

    path: Path
    format: str = ""
    fault: str = ""
    is_skipped: bool = False

    def bytes_and_time(self) -> tuple[int, int]:
        """Size in bytes and time of change in nanoseconds: together with the path, a cheap mark of the content."""
        status = self.path.stat()
        return status.st_size, status.st_mtime_ns

    def sha256(self) -> str:
        """Hash of the content as it lies on disk."""
        digest = hashlib.sha256()
        with self.path.open("rb") as stream:
            while block := stream.read(HASH_BYTES):
                digest.update(block)
        return digest.hexdigest()


def find(patterns: Iterable[str], default_format: str | None, *, must_exist: bool) -> list[Found]:
    """Files that the patterns name, each once, in order of path.

    A folder gives the files in it and below it. Names that begin with a dot or underscore are left out of folders and
    globs: programs write their markers and half-written files so.
    """
    found: dict[Path, Found] = {}
    for pattern in patterns:
        for file in _matches(pattern, default_format, must_exist):
            found.setdefault(file.path, file)
    return [found[path] for path in sorted(found)]


def _matches(pattern: str, default_format: str | None, must_exist: bool) -> list[Found]:
    path = Path(pattern).absolute()
    if path.is_file():
        return [_file(path, default_format)]
    if path.is_dir():
        candidates = list(path.rglob("*"))
    else:
        candidates = [Path(name).absolute() for name in glob.glob(pattern, recursive=True)]  # noqa: PTH207  (absolute patterns)
    files = [c for c in candidates if c.is_file() and not _is_hidden(c, path)]
    if files or not must_exist:
        return [_file(file, default_format, is_scanned=True) for file in files]
    return [Found(path, fault="the folder holds no file" if path.is_dir() else "there is no such file")]


def _is_hidden(path: Path, below: Path) -> bool:
    parts = path.relative_to(below).parts if path.is_relative_to(below) else (path.name,)
    return any(part.startswith((".", "_")) for part in parts)


def _file(path: Path, default_format: str | None, *, is_scanned: bool = False) -> Found:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in {".gz", ".gzip"}:
        suffixes.pop()
    format_ = FORMATS.get(suffixes[-1] if suffixes else "") or default_format
    if format_:
        return Found(path, format_)
    return Found(path, fault=f"its name tells no format; known are {', '.join(FORMATS)}", is_skipped=is_scanned)
