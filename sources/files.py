"""Finds a source's files: from names, folders and globs to a sorted list, each with what is known
of it.
"""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
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
# One read of the hash: large enough that the disk is the limit, small enough not to matter in
# memory.
HASH_BYTES = 1 << 20
# Opening a pipe waits for its writer: a place that is no regular file is reported and never opened.
_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}
LINK = "a symbolic link, which is not followed: name the file itself"


@dataclass(frozen=True)
class FoundFile:
    """A file to land. fault: why it cannot be landed; is_skipped: it was found in a folder and is
    none to land.
    """

    path: Path
    format: str = ""
    fault: str = ""
    is_skipped: bool = False

    @property
    def name(self) -> str:
        """The path as text that can be printed and stored."""
        return shown(self.path)

    def bytes_and_time(self) -> tuple[int, int]:
        """Size in bytes and time of change in nanoseconds: together with the path, a cheap mark of
        the content.
        """
        status = self.path.stat()
        return status.st_size, status.st_mtime_ns

    def sha256(self) -> str:
        """Hash of the content as it lies on disk."""
        digest = hashlib.sha256()
        with self.path.open("rb") as stream:
            while block := stream.read(HASH_BYTES):
                digest.update(block)
        return digest.hexdigest()


def shown(path: Path | str) -> str:
    """A path as printable text: bytes that are not UTF-8 and control characters become escapes."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii", "backslashreplace")
        for c in text
    )


def find(
    patterns: Iterable[str], default_format: str | None, *, must_exist: bool
) -> list[FoundFile]:
    """Files that the patterns name, each once, in order of path.

    A name that exists is itself, whatever characters it has; any other is a glob. A folder gives
    the files in it and below it. In folders and globs, names that begin with a dot or underscore
    are left out, because programs write their markers and half-written files so; symbolic links,
    pipes and devices are reported and never opened.
    """
    found: dict[Path, FoundFile] = {}
    for pattern in patterns:
        for file in _matches(pattern, default_format, must_exist):
            found.setdefault(file.path, file)
    return [found[path] for path in sorted(found)]


def _matches(pattern: str, default_format: str | None, must_exist: bool) -> list[FoundFile]:
    path = Path(pattern).absolute()
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        return _globbed(pattern, path, default_format, must_exist, error)
    if stat.S_ISDIR(mode):
        files = [_scanned(file, default_format) for file in _below(path)]
        return files or [FoundFile(path, fault="the folder has no file")] * must_exist
    return [_named(path, mode, default_format)]


def _globbed(
    pattern: str, path: Path, default_format: str | None, must_exist: bool, error: Exception
) -> list[FoundFile]:
    names = sorted(glob.glob(pattern, recursive=True)) if "\0" not in pattern else []  # noqa: PTH207  (absolute patterns)
    candidates = [Path(name).absolute() for name in names]
    files = [
        _scanned(place, default_format)
        for place in candidates
        if not _is_hidden(place.name) and (place.is_symlink() or not place.is_dir())
    ]
    if files or not must_exist:
        return files
    is_missing = not isinstance(error, OSError) or error.errno in {errno.ENOENT, errno.ENOTDIR}
    why = "there is no such file" if is_missing else _reason(error)
    return [FoundFile(path, fault=why)]


def _below(folder: Path) -> Iterator[Path]:
    """Every place in the folder and below it but hidden ones, without following a link; also what
    cannot be read.
    """
    unreadable: list[Path] = []
    walk = os.walk(
        folder, onerror=lambda error: unreadable.append(Path(os.fsdecode(error.filename)))
    )
    for place, folders, names in walk:
        links = [name for name in folders if Path(place, name).is_symlink()]
        folders[:] = [name for name in folders if not _is_hidden(name) and name not in links]
        yield from (Path(place, name) for name in [*names, *links] if not _is_hidden(name))
    yield from unreadable


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "_"))


def _scanned(path: Path, default_format: str | None) -> FoundFile:
    """What was found in a folder or by a glob."""
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        return FoundFile(path, fault=_reason(error))
    if stat.S_ISLNK(mode):
        return FoundFile(path, fault=LINK, is_skipped=True)
    if stat.S_ISDIR(mode):
        return FoundFile(path, fault="the folder cannot be read")
    return _named(path, mode, default_format, is_scanned=True)


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or "it cannot be read").lower()


def _named(
    path: Path, mode: int, default_format: str | None, *, is_scanned: bool = False
) -> FoundFile:
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "something else")
        return FoundFile(path, fault=f"it is {kind}, not a file", is_skipped=is_scanned)
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in {".gz", ".gzip"}:
        suffixes.pop()
    format_ = FORMATS.get(suffixes[-1] if suffixes else "") or default_format
    if format_:
        return FoundFile(path, format_)
    return FoundFile(
        path,
        fault=f"its name has no known format; known are {', '.join(FORMATS)}",
        is_skipped=is_scanned,
    )
