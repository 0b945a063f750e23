"""The access log: who looked at which person, and who decided what.

``logs/console_access.ndjson`` has a line for each. A person is named by a keyed hash, so that the
file names nobody after an erasure, and a question about one person can still be answered.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from console.access import ConsoleVisitor, home_key
from segmentry.errors import SegmentryError
from segmentry.permissions import private_folder
from segmentry.settings import Settings


def log_file(settings: Settings) -> Path:
    """Where the log is."""
    return settings.home / "logs" / "console_access.ndjson"


def record(
    settings: Settings,
    visitor: ConsoleVisitor,
    what: str,
    *,
    profile_id: str = "",
    detail: str = "",
) -> None:
    """Add a line of a visitor of the console; as `add`."""
    add(settings, visitor.name, visitor.role.name, what, profile_id=profile_id, detail=detail)


def add(
    settings: Settings,
    name: str,
    role: str,
    what: str,
    *,
    profile_id: str = "",
    detail: str = "",
) -> None:
    """Add a line, on the disk when this returns. SegmentryError where that fails: what cannot be
    recorded must not be shown.
    """
    line = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "visitor": name,
        "role": role,
        "what": what,
        **({"person": pseudonym(settings, profile_id)} if profile_id else {}),
        **({"detail": detail} if detail else {}),
    }
    path = log_file(settings)
    try:
        private_folder(path.parent)
        place = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            # One write of a short line: lines of two processes do not mix.
            os.write(place, (json.dumps(line, ensure_ascii=False) + "\n").encode())
            os.fsync(place)
        finally:
            os.close(place)
    except OSError as error:
        raise SegmentryError(
            f"the access log cannot be written: {error.strerror}",
            allowed=f"a disk with room, and {path.name} in logs/ open to this user",
            remedy="make room or correct the permissions; without a record no person is shown",
        ) from None


def pseudonym(settings: Settings, profile_id: str) -> str:
    """The keyed hash by which the log names a person."""
    digest = hmac.new(home_key(settings), f"person:{profile_id}".encode(), hashlib.sha256)
    return digest.hexdigest()[:32]


def of_person(settings: Settings, profile_id: str) -> list[dict[str, Any]]:
    """Every recorded view of a person, oldest first."""
    wanted = pseudonym(settings, profile_id)
    return [line for line in _lines(settings) if line.get("person") == wanted]


def _lines(settings: Settings) -> Iterator[dict[str, Any]]:
    path = log_file(settings)
    if not path.exists():
        return
    with path.open(encoding="utf-8") as file:
        for text in file:
            try:
                yield json.loads(text)
            except ValueError:
                continue  # a kill or a full disk cut the line
