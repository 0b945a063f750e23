"""The sign of life of a live engine: a file of the home that each of its turns touches."""

from __future__ import annotations

import os
import time
from pathlib import Path

from segmentry.settings import Settings

# A load of a batch may take so long; a turn does not.
SILENT_SECONDS = 120.0


def beat(settings: Settings) -> None:
    """Leave a sign of life."""
    settings.home.mkdir(parents=True, exist_ok=True)
    path = _file(settings)
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    os.utime(path)


def is_alive(settings: Settings, silent_seconds: float = SILENT_SECONDS) -> bool:
    """Whether there was a sign of life in the last seconds."""
    try:
        return time.time() - _file(settings).stat().st_mtime <= silent_seconds
    except FileNotFoundError:
        return False


def forget(settings: Settings) -> None:
    """Before a start: what an earlier engine left is no sign of the new one."""
    _file(settings).unlink(missing_ok=True)


def _file(settings: Settings) -> Path:
    return settings.home / "live.pulse"
