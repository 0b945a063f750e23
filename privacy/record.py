"""The record of an erasure: open while something is left to do, a certificate afterwards.

While it is open, ``privacy/open/<erasure>.json`` has the identifiers, for its owner alone, so that
an erasure that was killed can go on. The certificate has none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from privacy.subjects import Subject
from segmentry.operators import current_operator
from segmentry.permissions import write_secret
from segmentry.settings import Settings


@dataclass
class Erasure:
    """One erasure. done: what each finished step changed; left: why it is still open."""

    name: str
    subject: Subject
    people: int
    started_at: str
    done: dict[str, Any] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)


def begin(settings: Settings, name: str, subject: Subject, people: int) -> Erasure:
    """The erasure of that name where it is open, else a new one."""
    path = _open_folder(settings) / f"{name}.json"
    if path.exists():
        return _read(path)
    erasure = Erasure(name, subject, people, _now())
    keep(settings, erasure)
    return erasure


def keep(settings: Settings, erasure: Erasure) -> None:
    """Write the open record."""
    content = {
        "name": erasure.name, "subject": erasure.subject.as_record(), "people": erasure.people,
        "started_at": erasure.started_at, "done": erasure.done, "left": erasure.left,
    }  # fmt: skip
    write_secret(
        _open_folder(settings) / f"{erasure.name}.json", json.dumps(content, ensure_ascii=False)
    )


def opened(settings: Settings) -> list[Erasure]:
    """Every open erasure, the oldest first."""
    found = [_read(path) for path in sorted(_open_folder(settings).glob("*.json"))]
    return sorted(found, key=lambda one: one.started_at)


def close(settings: Settings, erasure: Erasure) -> Path:
    """Write the certificate, and then remove the open record with its identifiers."""
    path = settings.home / "privacy" / "certificates" / f"{erasure.name}.json"
    write_secret(path, json.dumps(certificate(erasure), indent=2) + "\n")
    (_open_folder(settings) / f"{erasure.name}.json").unlink(missing_ok=True)
    return path


def certificate(erasure: Erasure) -> Mapping[str, Any]:
    """What was erased, where and when, without an identifier."""
    subject = erasure.subject
    return {
        "erasure": erasure.name,
        "started_at": erasure.started_at,
        "finished_at": _now(),
        "by": current_operator(),
        "requests": erasure.people,
        "profiles": len(subject.profiles),
        "identifiers": subject.types,
        "steps": erasure.done,
        "found_afterwards": 0,
    }


def _open_folder(settings: Settings) -> Path:
    return settings.home / "privacy" / "open"


def _read(path: Path) -> Erasure:
    content = json.loads(path.read_text(encoding="utf-8"))
    return Erasure(**{**content, "subject": Subject.of_record(content["subject"])})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
