"""One file per run under the home's logs/runs, and per refresh under logs/refreshes: the lines that
the terminal shows, with the time of each.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from segmentry.settings import Settings

# A file is some kilobytes: a hundred are a quarter of daily runs.
KEPT = 100


def opened(settings: Settings, name: str = "runs") -> Path:
    """A new, empty file of that folder for a run; the oldest beyond KEPT are removed."""
    folder = settings.home / "logs" / name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{_now():%Y-%m-%dT%H-%M-%S.%fZ}.log"
    path.touch()
    for old in sorted(folder.glob("*.log"))[:-KEPT]:
        old.unlink(missing_ok=True)
    return path


def add(path: Path, line: str) -> None:
    """Write a line, with the time in UTC; at once, so that the log of a killed run is complete."""
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{_now():%Y-%m-%dT%H:%M:%SZ} {line}\n")


def _now() -> datetime:
    # The wall clock, for stamps alone.
    return datetime.now(UTC)
