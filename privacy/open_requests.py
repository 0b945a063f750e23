"""Open erasures as an operator sees them: how far each is, by when it must be done, and what a
destination has not answered yet.
"""

from __future__ import annotations

from typing import Any

from activation import deleting
from privacy import record
from privacy.record import Erasure
from segmentry.errors import UsageError
from segmentry.settings import Settings

WAITING = "waiting"
OVERDUE = "overdue"
OPEN = "open"


def state(erasure: Erasure) -> str:
    """``waiting`` in the grace period, ``overdue`` past the deadline, else ``open``."""
    at = record.now()
    if erasure.is_overdue(at):
        return OVERDUE
    return WAITING if erasure.is_waiting(at) and not erasure.done else OPEN


def described(settings: Settings, erasure: Erasure) -> dict[str, Any]:
    """One line of ``privacy status``, without an identifier."""
    found = state(erasure)
    left = "; ".join(erasure.left)
    if not left:
        left = f"until {erasure.not_before}" if found == WAITING else "it was interrupted"
    deletions = deleting.receipts(settings, erasure.name) if erasure.targets else []
    open_ones = [
        f"{sync}: {count:,} {status}" for sync, status, count in deleting.open_places(deletions)
    ]
    return {
        "erasure": erasure.name,
        "state": found,
        "requests": erasure.people,
        "started_at": erasure.started_at,
        "due_at": erasure.due_at,
        "done": ", ".join(erasure.done),
        "deletions": "; ".join(open_ones),
        "left": left,
    }


def confirm(settings: Settings, name: str, sync: str, receipt: str) -> int:
    """Record an operator's receipt for what a destination was to delete; returns how many."""
    erasure = record.open_named(settings, name)
    if not receipt.strip():
        raise UsageError(
            "the receipt is empty",
            allowed="a text that lets an auditor find the destination's confirmation",
            remedy="state its ticket or request number with --receipt",
        )
    if sync in erasure.unplaced:
        erasure.unplaced.remove(sync)
        record.keep(settings, erasure)
        return 1
    return deleting.confirm(settings, name, sync, receipt)
