"""Erasures and backups: a backup has people who are forgotten after it was made.

The tombstones (keyed hashes, no identifier) are copied to each place of backups at each backup and
each erasure, so a restore knows who was forgotten since. ``backups/places.json`` in the home has
the places.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from runtime.backup.stores import BackupStore, store_at
from segmentry import tombstones
from segmentry.errors import SegmentryError, UsageError
from segmentry.permissions import write_secret
from segmentry.settings import Settings

REGISTER = "erasures/tombstones"


def count(settings: Settings) -> int:
    """How many tombstones the home has."""
    return len(tombstones.lines(settings))


def remember_place(settings: Settings, place: str) -> None:
    """Keep the place, so that later erasures are copied to it."""
    known = places(settings)
    if place not in known:
        write_secret(_file(settings), json.dumps([*known, place], indent=2) + "\n")


def places(settings: Settings) -> list[str]:
    """Places that this home was backed up to."""
    try:
        found: list[str] = json.loads(_file(settings).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    return found


def add_to_place(settings: Settings, store: BackupStore) -> None:
    """Add the home's tombstones to those of a place; none is ever removed there."""
    there = set(at_place(store))
    here = set(tombstones.lines(settings))
    if not here <= there:
        store.write(REGISTER, "".join(f"{one}\n" for one in sorted(here | there)).encode())


def at_place(store: BackupStore) -> list[str]:
    """The tombstones of a place."""
    try:
        return store.read(REGISTER).decode("ascii").split()
    except FileNotFoundError:
        return []


def add_to_places(settings: Settings) -> None:
    """Call it after an erasure. Raises SegmentryError for places that cannot be reached."""
    faults = []
    for place in places(settings):
        try:
            add_to_place(settings, store_at(settings, place))
        except (SegmentryError, OSError) as error:
            kind = error.received if isinstance(error, SegmentryError) else str(error.strerror)
            faults.append(f"{place}: {kind}")
    if faults:
        raise SegmentryError(
            "the list of erasures could not be copied to every place of backups: "
            + "; ".join(faults),
            allowed="places that can be written, so that a restore knows who was forgotten",
            remedy=(
                "make the place reachable, or remove it from backups/places.json of the home if"
                " its backups are deleted; then run `segmentry backup erasures`"
            ),
        )


def of_file(file: Path) -> list[str]:
    """The tombstones of a file: a copy of ``privacy/tombstones``."""
    try:
        found = file.read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError):
        raise _unreadable(file) from None
    if not all(tombstones.is_tombstone(one) for one in found):
        raise _unreadable(file)
    return found


def merge(settings: Settings, found: Sequence[str]) -> int:
    """Add tombstones of elsewhere to the home's; returns how many are new."""
    return tombstones.add_hashes(settings, found)


def _unreadable(file: Path) -> UsageError:
    return UsageError(
        f"{file} is no list of erasures",
        allowed="a copy of a home's privacy/tombstones: 64 hexadecimal digits a line",
        remedy="name that file, or leave --erasures out if the place of the backups has the list",
    )


def _file(settings: Settings) -> Path:
    return settings.home / "backups" / "places.json"
