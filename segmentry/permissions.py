"""Who may read what a home contains: its owner alone. Files have the mode 0600, folders 0700."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

OTHERS = stat.S_IRWXG | stat.S_IRWXO
# Linked to the installed packages' files, whose mode is theirs; they contain no data.
_SHARED_FOLDERS = frozenset(("duckdb_extensions",))


def keep_private() -> None:
    """From now on new files and folders of this process and of those it starts are its user's
    alone.
    """
    os.umask(OTHERS)


def open_to_others(home: Path) -> Iterator[Path]:
    """Files and folders of a home that another user of the machine may read, write or list."""
    if _is_open(home):
        yield home
    for folder, names, files in os.walk(home):
        names[:] = [name for name in names if name not in _SHARED_FOLDERS]
        for name in [*names, *files]:
            path = Path(folder, name)
            if _is_open(path):
                yield path


def tighten(home: Path) -> int:
    """Take all rights of others off a home's files and folders; returns how many were changed."""
    changed = 0
    for path in open_to_others(home):
        with suppress(FileNotFoundError):
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~OTHERS)
            changed += 1
    return changed


def private_folder(folder: Path) -> Path:
    """Create the folder for its owner alone, or close one that is open to others; returns it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if _is_open(folder) and folder.stat().st_uid == os.geteuid():
        folder.chmod(stat.S_IMODE(folder.stat().st_mode) & ~OTHERS)
    return folder


def write_secret(path: Path, text: str, *, is_durable: bool = False) -> None:
    """Write a file that its owner alone may read, whatever the umask; a kill leaves the old or the
    new one whole. is_durable: it is on the disk when this returns, whatever happens to the machine.
    """
    private_folder(path.parent)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(
        os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
    ) as file:
        file.write(text)
        if is_durable:
            file.flush()
            os.fsync(file.fileno())
    partial.chmod(0o600)
    partial.replace(path)


def _is_open(path: Path) -> bool:
    with suppress(FileNotFoundError):
        found = path.lstat()
        return not stat.S_ISLNK(found.st_mode) and bool(found.st_mode & OTHERS)
    return False
