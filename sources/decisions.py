"""A decision that an operator records: landed like any record of the source `consents`, and counted
at once.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from identity import people
from segmentry import configuration, identifiers, warehouse, withdrawals
from segmentry.errors import SegmentryError, UsageError
from segmentry.settings import Settings
from segmentry.stages import RunContext
from segmentry.tombstones import Tombstones
from sources import landing, stages
from sources.readers.records import Records

SOURCE = "consents"
TYPES = ("email", "phone", "user_id", "crm_id", "loyalty_id", "cookie", "device_id")
# Reason of a suppression that replaces a refusal while staging cannot be built.
STOPGAP = "consent withdraw"


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


def record(settings: Settings, identifier: str, decision: Decision) -> dict[str, Any]:
    """Land the decision and apply it; returns one row that states what was done, without the
    identifier's value.

    Raises UsageError for an identifier that is none, and for a grant that is not for one identifier
    and one purpose.
    """
    _check(decision)
    warehouse.prepare(settings)
    with warehouse.writing(settings):
        named = _named(settings, identifier, decision)
        at = datetime.now(UTC).replace(tzinfo=None)
        _land(settings, named, decision, at)
        counts_by = _take_effect(settings, named, decision)
        match = withdrawals.matches(settings, [_consent_id(one, decision, at) for one in named])
    return {
        "status": decision.status, "purpose": decision.purpose, "channel": decision.channel,
        "identifiers": len(named), "match": match, "counts": counts_by, "decided_at": at,
    }  # fmt: skip


def _check(decision: Decision) -> None:
    if decision.is_grant and decision.purpose == "any":
        raise UsageError(
            "a grant of the purpose 'any' was given",
            allowed="one purpose per grant: marketing, advertising, personalization or analytics",
            remedy="name the purpose that the person agreed to",
        )
    if decision.is_grant and not decision.proof.strip():
        raise UsageError(
            "a grant was given with an empty proof",
            allowed="a text that shows the consent: a form, a letter, a recording, with its date",
            remedy="write it behind --proof",
        )


def _named(settings: Settings, text: str, decision: Decision) -> Sequence[tuple[str, str]]:
    """The identifiers that the decision is landed for: the one given, or for a refusal all that the
    profile has.
    """
    kind, colon, value = text.partition(":")
    if not colon:
        return _of_profile(settings, text, decision)
    if kind not in TYPES:
        raise UsageError(
            f"'{kind}' is not a type of identifier",
            allowed=", ".join(TYPES) + ", or a profile_id without a type",
            remedy="write type:value, such as email:ann@example.com",
        )
    fault = identifiers.fault(kind, value)
    is_loose = bool(identifiers.loose_keys(kind, value))
    # A refusal that is written in another way may still mean a known person; a grant must name its
    # identifier exactly.
    if fault is not None and (decision.is_grant or not is_loose):
        raise UsageError(
            f"the value given is no identifier of the type '{kind}': {fault}",
            allowed="a value such as " + _EXAMPLES.get(kind, f"{kind}:A-1042"),
            remedy="check the value; write a phone number with + and its country code",
        )
    return [(kind, value)]


_EXAMPLES = {"email": "email:ann@example.com", "phone": "phone:+4917612345678"}


def _of_profile(settings: Settings, text: str, decision: Decision) -> Sequence[tuple[str, str]]:
    if decision.is_grant:
        raise UsageError(
            "a grant was given for a profile",
            allowed="type:value: a grant counts for the identifier it was given for",
            remedy="name the address or id, such as email:ann@example.com",
        )
    with warehouse.connect(settings, read_only=True) as lake:
        profile_id = people.profile_named(lake, text)
        rows = lake.execute(
            "select identifier_type, identifier from lake.identity.identifier_mapping"
            " where profile_id = ? order by all",
            [profile_id],
        ).fetchall()
    return [(kind, value) for kind, value in rows if kind in TYPES]


def _consent_id(named: tuple[str, str], decision: Decision, at: datetime) -> str:
    parts = "\n".join([*named, decision.status, decision.purpose, decision.channel, at.isoformat()])
    return f"operator:{hashlib.sha256(parts.encode()).hexdigest()[:24]}"


def _land(
    settings: Settings, named: Sequence[tuple[str, str]], decision: Decision, at: datetime
) -> None:
    by = f"{getpass.getuser()} at {socket.gethostname()}"
    records = Records()
    for line, (kind, value) in enumerate(named, start=1):
        content = {
            "consent_id": _consent_id((kind, value), decision, at), "identifier_type": kind,
            "identifier": value,
            "purpose": decision.purpose, "channel": decision.channel, "status": decision.status,
            "occurred_at": f"{at.isoformat()}Z", "source": "operator",
            "proof": decision.proof or None, "recorded_by": by,
        }  # fmt: skip
        records.add(line, json.dumps(content, ensure_ascii=False))
    digest = hashlib.sha256("\n".join(records.raws).encode()).hexdigest()
    item = landing.Input(SOURCE, f"operator/{at:%Y-%m-%dT%H-%M-%S.%f}", digest)
    with landing.one_at_a_time(settings), warehouse.connect(settings) as lake:
        landing.ensure_tables(lake, [SOURCE])
        graves = Tombstones(settings, configuration.shop_country(settings))
        if landing.land(lake, item, [records], graves=graves).forgotten and decision.is_grant:
            raise UsageError(
                "the identifier is that of a forgotten person, and nothing is recorded",
                allowed="an identifier without a tombstone",
                remedy="docs/how-to/privacy.md describes how a person who was forgotten returns",
            )


def _take_effect(settings: Settings, named: Sequence[tuple[str, str]], decision: Decision) -> str:
    """Take the record into the relations of consent. Where that fails, a refusal is a suppression
    until it can be.
    """
    try:
        stages.staging(RunContext(settings))
        withdrawals.refresh(RunContext(settings))
    except SegmentryError as error:
        if decision.is_grant:
            raise
        _suppress(settings, named, decision)
        return f"at the next sync, as a suppression: {error.received.splitlines()[0][:120]}"
    if decision.is_grant:
        return "from the next run on"
    return "at the next sync"


def _suppress(settings: Settings, named: Sequence[tuple[str, str]], decision: Decision) -> None:
    at = datetime.now(UTC).replace(tzinfo=None)
    columns = (
        "identifier_type varchar, identifier varchar, channel varchar, reason varchar,"
        " suppressed_at timestamp"
    )
    with warehouse.connect(settings) as lake:
        lake.execute(f"create table if not exists lake.activation.suppressions ({columns})")
        rows = [[kind, value, decision.channel, STOPGAP, at] for kind, value in named]
        lake.executemany("insert into lake.activation.suppressions values (?, ?, ?, ?, ?)", rows)
