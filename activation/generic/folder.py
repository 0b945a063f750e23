"""Reads config/destinations: the descriptions that the project ships, and an operator's own."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from pathlib import Path

from activation.destination import Destination
from activation.generic import parsing
from activation.generic.http_destination import HttpDestination, made_of
from segmentry import configuration, discovery
from segmentry.errors import ConfigError
from segmentry.settings import ROOT, Settings

KIND = "destination"
FOLDER = "destinations"


def all_destinations() -> dict[str, Destination]:
    """Those in Python and those described, by name."""
    kind: type[Destination] = Destination  # type: ignore[type-abstract]
    found = discovery.members("activation.destinations", "DESTINATION", kind)
    return dict(sorted({**found, **described(found)}.items()))


def described(taken: Collection[str]) -> dict[str, HttpDestination]:
    """Every described destination by its name; an operator's file replaces a shipped one.

    taken: names of the destinations in Python. Raises ConfigError for a file that does not fit.
    """
    shipped = ROOT / "config" / FOLDER
    own = Settings.from_environment().config / FOLDER
    found: dict[str, HttpDestination] = {}
    for folder in dict.fromkeys((shipped, own)):
        for path in sorted(folder.glob("*.y*ml")):
            state = path.stat()
            found[path.stem] = _read(path, state.st_mtime_ns, state.st_size)
    if both := sorted(set(found) & set(taken)):
        name = both[0]
        raise ConfigError(
            f"{found[name].description.path} has the name of a destination in Python, '{name}'",
            allowed="a name that activation/destinations does not have",
            remedy="rename the file and its name",
        )
    return found


@cache
def _read(path: Path, written: int, size: int) -> HttpDestination:
    return read(path)


def read(path: Path) -> HttpDestination:
    """The destination of one file. Raises ConfigError that names the file, the place and the
    remedy.
    """
    content = configuration.load_file(path, KIND)
    if content["name"] != path.stem:
        raise ConfigError(
            f"{path} has the name '{content['name']}'",
            allowed=f"the file's own stem, '{path.stem}'",
            remedy="rename the file or change the name",
        )
    return made_of(parsing.parsed(content, path))
