"""What ``segmentry doctor`` checks of the machine and the home: modes, passwords, room,
extensions.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from runtime import login
from segmentry import extensions
from segmentry.errors import ConfigError, SegmentryError
from segmentry.permissions import OTHERS, open_to_others, tighten
from segmentry.settings import ROOT, Settings

# A run of the simulated shop writes 0.5 GB, and a rewrite of a relation needs its size again.
LEAST_FREE_BYTES = 2_000_000_000
_SHOWN = 3


def permissions(settings: Settings) -> str:
    """Modes of the home's files and folders."""
    found = list(open_to_others(settings.home))
    if found:
        shown = ", ".join(str(path) for path in islice(found, _SHOWN))
        raise SegmentryError(
            f"{len(found)} file(s) or folder(s) of the home are open to other users: {shown}"
            + (", …" if len(found) > _SHOWN else ""),
            allowed="files of the mode 0600 and folders of the mode 0700",
            remedy="run `segmentry doctor --fix`, which takes the rights of others away",
        )
    return "the home is its owner's alone"


def passwords(settings: Settings) -> str:
    """Files with passwords: there, private, long enough."""
    if login.password_file(settings).exists():
        login.password(settings)
    for path in _secret_files(settings):
        if path.exists() and path.stat().st_mode & OTHERS:
            raise ConfigError(
                f"{path} contains secrets and is open to other users",
                allowed="a file of the mode 0600",
                remedy=f"run `chmod 600 {path}`; change the secrets if others may have read them",
            )
    return "files with passwords are private"


def room(settings: Settings) -> str:
    """Free space where the home and the lake's files are."""
    places = [settings.home, *([] if "://" in settings.lake_data else [Path(settings.lake_data)])]
    free = {place: shutil.disk_usage(_there(place)).free for place in places}
    place, least = min(free.items(), key=lambda pair: pair[1])
    if least < LEAST_FREE_BYTES:
        raise SegmentryError(
            f"{least / 1e9:.1f} GB are free on the disk of {place}",
            allowed=f"at least {LEAST_FREE_BYTES / 1e9:.0f} GB, better twice the size of the lake",
            remedy=(
                "free space, or move the home (SEGMENTRY_HOME) or the lake's files"
                " (SEGMENTRY_LAKE_DATA)"
            ),
        )
    return f"{least / 1e9:.1f} GB free"


def packaged_extensions(settings: Settings) -> str:
    """DuckDB's extensions in the home."""
    extensions.install(settings)
    if not extensions.are_packaged(settings):
        raise SegmentryError(
            "DuckDB's extensions in the home are not those of the installed packages",
            allowed="the files that the lock's packages have",
            remedy=f"delete {settings.extensions}; the next start puts the right ones there",
        )
    return "those of the installed packages"


def fix(settings: Settings) -> list[str]:
    """Correct what can be corrected without a decision of the operator; returns what was done."""
    changed = tighten(settings.home) if settings.home.exists() else 0
    return [f"took the rights of others off {changed} file(s) or folder(s)"] if changed else []


def _secret_files(settings: Settings) -> Iterator[Path]:
    yield ROOT / ".env"
    yield settings.home / "airflow" / "keys.json"
    folder = settings.home / "secrets"
    if folder.is_dir():
        yield from sorted(folder.iterdir())
    for variable in ("SEGMENTRY_CATALOG_PASSWORD_FILE",):
        # A secret that compose mounts belongs to another user and has the mode that compose gives
        # it.
        if (name := os.environ.get(variable)) and not name.startswith("/run/secrets/"):
            yield Path(name)


def _there(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


CHECKS: dict[str, Callable[[Settings], str]] = {
    "permissions": permissions,
    "passwords": passwords,
    "disk": room,
    "extensions": packaged_extensions,
}
