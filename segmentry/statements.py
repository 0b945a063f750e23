"""Statements of consent: who decided what about one identifier, and the record that it becomes.

Operators, files and marketing tools state them. A refusal becomes a row of ``segmentry.waiting``,
which every sync reads before its next request.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from segmentry import configuration, waiting
from segmentry.settings import Settings
from segmentry.tombstones import Tombstones
from segmentry.waiting import Refusal


@dataclass(frozen=True)
class Decision:
    """What was decided. status: granted or withdrawn. proof: what shows a grant."""

    status: str
    purpose: str
    channel: str
    proof: str = ""

    @property
    def is_grant(self) -> bool:
        """Whether it opts in."""
        return self.status == "granted"


@dataclass(frozen=True)
class Statement:
    """A decision on one identifier. consent_id: None to make one of the content. by: who states
    it.
    """

    identifier_type: str
    identifier: str
    decision: Decision
    decided_at: datetime
    source: str = "operator"
    consent_id: str | None = None

    @property
    def record_id(self) -> str:
        """The id of the record: the one given, or a hash of the content."""
        if self.consent_id is not None:
            return self.consent_id
        decision = self.decision
        parts = [
            self.identifier_type, self.identifier, decision.status, decision.purpose,
            decision.channel, self.decided_at.isoformat(),
        ]  # fmt: skip
        digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]
        return f"{self.source}:{digest}"


def refusals_of(statements: Sequence[Statement]) -> list[Refusal]:
    """The refusals as rows that wait, each with the record that is landed for it."""
    file, lines = records_of(statements)
    return [
        Refusal(
            one.record_id, one.identifier_type, one.identifier, one.decision.purpose,
            one.decision.channel, one.decided_at, file, line, raw,
        )
        for one, (line, raw) in zip(statements, lines, strict=True)
    ]  # fmt: skip


def without_forgotten(settings: Settings, statements: Sequence[Statement]) -> list[Statement]:
    """Those that name no forgotten person: nothing more of such a person is recorded."""
    graves = Tombstones(settings, configuration.shop_country(settings))
    return [one for one in statements if not graves.has(one.identifier_type, one.identifier)]


def refuse(settings: Settings, statements: Sequence[Statement]) -> dict[str, int]:
    """Have refusals count from now on, in one commit; their records land in the next run.

    Returns the number of them by their match. A repeated call changes nothing.
    """
    return waiting.add(settings, refusals_of(without_forgotten(settings, statements)))


def records_of(statements: Sequence[Statement]) -> tuple[str, list[tuple[int, str]]]:
    """The name that the records land under, and each with its line."""
    by = f"{getpass.getuser()} at {socket.gethostname()}"
    lines = [
        (line, json.dumps(_content(one, by), ensure_ascii=False))
        for line, one in enumerate(statements, start=1)
    ]
    first = statements[0]
    name = f"{first.source}/{first.decided_at:%Y-%m-%dT%H-%M-%S.%f}"
    if len(statements) > 1:  # two lists may begin with a decision of one time
        ids = "\n".join(one.record_id for one in statements)
        name += f"-{hashlib.sha256(ids.encode()).hexdigest()[:12]}"
    return name, lines


def _content(one: Statement, by: str) -> Mapping[str, Any]:
    return {
        "consent_id": one.record_id, "identifier_type": one.identifier_type,
        "identifier": one.identifier,
        "purpose": one.decision.purpose, "channel": one.decision.channel,
        "status": one.decision.status,
        "occurred_at": f"{one.decided_at.isoformat()}Z", "source": one.source,
        "proof": one.decision.proof or None, "recorded_by": by,
    }  # fmt: skip
