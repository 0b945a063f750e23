"""Who decides: the name that an operator's decision is recorded under."""

from __future__ import annotations

import getpass
import os

from segmentry.errors import UsageError


def current_operator() -> str:
    """SEGMENTRY_OPERATOR, else the user that runs the process."""
    try:
        return os.environ.get("SEGMENTRY_OPERATOR") or getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"uid {os.getuid()}"


def stated_reason(reason: str | None, decision: str) -> str:
    """The reason without outer spaces, or UsageError: a decision that is recorded needs one."""
    if reason is None or not reason.strip():
        raise UsageError(
            f"{decision} has no reason",
            allowed="--reason TEXT, recorded with your name and the time",
            remedy="write why in a few words, without any personal value",
        )
    return reason.strip()
