"""What a vendor states where it refuses a request: its codes and its reason, in whichever shape.
The sending of rows asks it, to separate a request that is wrong from a person who is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from activation.client import RequestRefused
from activation.redact import clean
from segmentry.errors import DestinationError

_CODES = (
    "code", "errorCode", "error_code", "error_subcode", "category", "subCategory", "error_id",
    "reason", "field",
)  # fmt: skip
_TEXTS = ("message", "msg", "error_description", "detail", "title", "error")
_NESTED = ("error", "errors", "meta", "details")
_DEPTH = 3


@dataclass(frozen=True)
class Reason:
    """A vendor's reason, free of personal data. codes: every code that the answer names."""

    status: int
    codes: frozenset[str]
    text: str

    def is_like(self, other: Reason) -> bool:
        """Whether both are one cause: the same status and codes, or without codes the same text."""
        if self.status != other.status or self.codes != other.codes:
            return False
        return bool(self.codes) or self.text == other.text

    def __str__(self) -> str:
        parts = [f"status {self.status}"]
        parts += [f"code {', '.join(sorted(self.codes))}"] if self.codes else []
        return ", ".join(parts) + (f": {self.text}" if self.text else "")


def read(refusal: RequestRefused) -> Reason:
    """The reason of a refusal."""
    entries = list(_entries(refusal.body, _DEPTH))
    codes = {
        str(entry[name]) if isinstance(entry[name], int) else clean(entry[name], 60)
        for entry in entries
        for name in _CODES
        if isinstance(entry.get(name), str | int) and not isinstance(entry.get(name), bool)
    }
    texts = [
        clean(entry[name])
        for entry in reversed(entries)
        for name in _TEXTS
        if isinstance(entry.get(name), str) and entry[name]
    ]
    return Reason(refusal.status, frozenset(codes - {""}), texts[0] if texts else "")


@contextmanager
def of_no_person() -> Iterator[None]:
    """A call that names people that the tool has just taken: a refusal is not theirs."""
    try:
        yield
    except RequestRefused as refusal:
        raise stop(str(read(refusal)), "the connection's list or segment") from None


def in_our_words(found: Iterator[str], malformed: tuple[type[Exception], ...]) -> Iterator[str]:
    """What a destination reads back, with what may go wrong on the way as a DestinationError.
    malformed: what reading an answer of another shape raises.
    """
    try:
        yield from found
    except RequestRefused as refusal:
        received = f"the destination refused to be read back with status {refusal.status}"
    except malformed as error:
        received = f"the destination's answer could not be read: {type(error).__name__}"
    else:
        return
    raise DestinationError(
        received,
        allowed="an audience that exists there and may be read",
        remedy=(
            "check the connection's address, the audience it names, and the rights of its"
            " credentials"
        ),
    )


def stop(reason: str, place: str) -> DestinationError:
    """What stops a sync whose request is wrong."""
    return DestinationError(
        f"the destination refused a request with {reason}",
        allowed="credentials that are valid, and an audience that exists there and accepts writes",
        remedy=f"correct what the reason names: look at {place}; no person was counted as refused",
    )


def _entries(body: Any, depth: int) -> Iterator[dict[str, Any]]:
    if isinstance(body, list):
        for part in body[:20]:
            yield from _entries(part, depth)
    elif isinstance(body, dict):
        yield body
        for name in _NESTED if depth else ():
            yield from _entries(body.get(name), depth - 1)
