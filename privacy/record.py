"""The record of an erasure: open while something is left to do, a certificate afterwards.

While it is open, ``privacy/open/<erasure>.json`` has the identifiers, for its owner alone, so that
an erasure that was killed can go on. The certificate has none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from privacy import policies
from privacy.subjects import Subject
from segmentry.errors import UsageError
from segmentry.operators import current_operator
from segmentry.permissions import write_secret
from segmentry.settings import Settings


@dataclass
class Erasure:
    """One erasure. done: what each finished step changed; left: why it is still open. asked: what
    was named in the request. targets: deletions at destinations. unplaced: syncs that once sent the
    people to a place that nothing names any more. due_at: the deadline. not_before: until then it
    may be cancelled.
    """

    name: str
    subject: Subject
    people: int
    started_at: str
    done: dict[str, Any] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    targets: list[dict[str, Any]] = field(default_factory=list)
    unplaced: list[str] = field(default_factory=list)
    due_at: str = ""
    not_before: str = ""

    def is_waiting(self, at: datetime) -> bool:
        """Whether the grace period is not over."""
        return bool(self.not_before) and at < datetime.fromisoformat(self.not_before)

    def is_overdue(self, at: datetime) -> bool:
        """Whether the deadline is over."""
        return bool(self.due_at) and at > datetime.fromisoformat(self.due_at)


def begin(settings: Settings, name: str, subject: Subject, asked: Sequence[str]) -> Erasure:
    """The erasure of that name where it is open, else a new one, with the deadline and the grace
    period of the policy.
    """
    path = _open_folder(settings) / f"{name}.json"
    if path.exists():
        return _read(path)
    policy = policies.load(settings)
    at = now()
    erasure = Erasure(
        name, subject, len(asked), _text(at), asked=list(asked),
        due_at=_text(at + timedelta(days=policy.deadline_days)),
        not_before=_text(at + timedelta(days=policy.grace_days)) if policy.grace_days else "",
    )  # fmt: skip
    keep(settings, erasure)
    return erasure


def keep(settings: Settings, erasure: Erasure) -> None:
    """Write the open record."""
    content = {**vars(erasure), "subject": erasure.subject.as_record()}
    write_secret(
        _open_folder(settings) / f"{erasure.name}.json", json.dumps(content, ensure_ascii=False)
    )


def opened(settings: Settings) -> list[Erasure]:
    """Every open erasure, the oldest first."""
    found = [_read(path) for path in sorted(_open_folder(settings).glob("*.json"))]
    return sorted(found, key=lambda one: one.started_at)


def open_named(settings: Settings, name: str) -> Erasure:
    """The open erasure of that name, or UsageError."""
    for one in opened(settings):
        if one.name == name:
            return one
    raise UsageError(
        f"no erasure '{name[:40]}' is open",
        allowed=", ".join(one.name for one in opened(settings)) or "none is open",
        remedy="`segmentry privacy status` lists the open ones",
    )


def discard(settings: Settings, erasure: Erasure) -> None:
    """Remove the open record, identifiers and all."""
    (_open_folder(settings) / f"{erasure.name}.json").unlink(missing_ok=True)


def close(settings: Settings, erasure: Erasure, deletions: Sequence[Mapping[str, Any]]) -> Path:
    """Write the certificate, and then remove the open record with its identifiers."""
    path = settings.home / "privacy" / "certificates" / f"{erasure.name}.json"
    write_secret(path, json.dumps(certificate(erasure, deletions), indent=2) + "\n")
    discard(settings, erasure)
    return path


def certificate(erasure: Erasure, deletions: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """What was erased, where and when, without an identifier. deletions: those at destinations."""
    subject = erasure.subject
    return {
        "erasure": erasure.name,
        "started_at": erasure.started_at,
        "finished_at": _text(now()),
        "due_at": erasure.due_at,
        "by": current_operator(),
        "requests": erasure.people,
        "profiles": len(subject.profiles),
        "identifiers": subject.types,
        "steps": erasure.done,
        "deletions": [*deletions],
        "found_afterwards": 0,
    }


def _open_folder(settings: Settings) -> Path:
    return settings.home / "privacy" / "open"


def _read(path: Path) -> Erasure:
    content = json.loads(path.read_text(encoding="utf-8"))
    return Erasure(**{**content, "subject": Subject.of_record(content["subject"])})


def now() -> datetime:
    """The wall clock: deadlines of the law are in its days."""
    return datetime.now(UTC)


def _text(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
