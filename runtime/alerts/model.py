"""What an incident is: a finding of a kind, and the state that it is kept in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

WARNING = "warning"
CRITICAL = "critical"
SEVERITIES = (WARNING, CRITICAL)

OPENED = "opened"
RESOLVED = "resolved"


@dataclass(frozen=True)
class AlertFinding:
    """One thing that is wrong now.

    subject: what is wrong, in a word that stays the same for as long as it is wrong: the name of a
    gate, a sync, a source. summary: a sentence about what happened. remedy: what to do, with the
    command. None of them has an identifier of a person. page: name of the page that shows more.
    """

    subject: str
    severity: str
    summary: str
    remedy: str
    page: str = "airflow"


@dataclass(frozen=True)
class Incident:
    """An incident as it is kept. Times are naive UTC by the wall clock; state is open or
    resolved.
    """

    incident_id: str
    kind: str
    subject: str
    severity: str
    summary: str
    remedy: str
    page: str
    state: str
    opened_at: datetime
    seen_at: datetime
    resolved_at: datetime | None = None


@dataclass(frozen=True)
class Message:
    """What a channel sends at once: all that is new for it. message_id stays the same if it is sent
    again. titles: of the kinds.
    """

    message_id: str
    opened: tuple[Incident, ...]
    resolved: tuple[Incident, ...]
    titles: Mapping[str, str]
    pages: Mapping[str, str]
    is_test: bool = False
