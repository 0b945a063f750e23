"""A message in words: a subject and lines, the same for mail and chat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from runtime.alerts.model import Incident, Message
from segmentry.redaction import without_values

_TEST = "This is a test of the channel. Nothing is wrong, and nothing is to be done."


def subject(message: Message) -> str:
    """One line: how many incidents are new and resolved, and of which kinds."""
    if message.is_test:
        return "Segmentry: test of the channel"
    counts = (("new", message.opened), ("resolved", message.resolved))
    return "Segmentry: " + "; ".join(
        f"{len(found)} {word} ({_kinds(message, found)})" for word, found in counts if found
    )


def body(message: Message) -> str:
    """All that is new, each incident with what to do; what is resolved comes last."""
    if message.is_test:
        return f"{_TEST}\n"
    return "\n".join(_lines(message)) + "\n"


def _lines(message: Message) -> Iterator[str]:
    for incident in message.opened:
        yield f"{incident.severity.upper()}  {message.titles.get(incident.kind, incident.kind)}"
        yield from ("  " + line for line in _described(incident, message.pages))
        yield ""
    for incident in message.resolved:
        yield f"RESOLVED  {message.titles.get(incident.kind, incident.kind)}"
        yield f"  It was: {without_values(incident.summary)}"
        over = f", resolved {stamp(incident.resolved_at)}" if incident.resolved_at else ""
        yield f"  Open since {stamp(incident.opened_at)}{over}  ({incident.incident_id})"
        yield ""


def _described(incident: Incident, pages: Mapping[str, str]) -> Iterator[str]:
    yield without_values(incident.summary)
    yield f"To do: {incident.remedy}"
    if page := pages.get(incident.page):
        yield f"Page: {page}"
    yield f"Since {stamp(incident.opened_at)}  ({incident.incident_id})"


def as_record(incident: Incident, message: Message) -> dict[str, Any]:
    """The incident for programs, as JSON has it."""
    return {
        "incident_id": incident.incident_id,
        "kind": incident.kind,
        "subject": incident.subject,
        "severity": incident.severity,
        "summary": without_values(incident.summary),
        "remedy": incident.remedy,
        "page": message.pages.get(incident.page, ""),
        "opened_at": stamp(incident.opened_at),
        "resolved_at": stamp(incident.resolved_at) if incident.resolved_at else None,
    }


def stamp(at: datetime) -> str:
    """A timestamp as messages have it, in UTC."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _kinds(message: Message, found: tuple[Incident, ...]) -> str:
    counts = Counter(message.titles.get(incident.kind, incident.kind) for incident in found)
    return ", ".join(title if n == 1 else f"{n} {title}" for title, n in sorted(counts.items()))
