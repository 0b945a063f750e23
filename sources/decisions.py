"""Decisions that an operator or a marketing tool states: they land as records of the source
`consents`.

A refusal counts at once: it first becomes a row of ``segmentry.waiting``, which every sync reads
before its next request. A grant counts from the next run on, by the rule alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from identity import people
from segmentry import configuration, identifiers, statements, waiting, warehouse, withdrawals
from segmentry.errors import UsageError
from segmentry.settings import Settings
from segmentry.stages import RunContext
from segmentry.statements import Decision, Statement
from segmentry.tombstones import Tombstones
from sources import landing
from sources.readers.records import Records

SOURCE = "consents"
TYPES = ("email", "phone", "user_id", "crm_id", "loyalty_id", "cookie", "device_id")


def record(settings: Settings, identifier: str, decision: Decision) -> dict[str, Any]:
    """Land the decision and apply it; returns one row that states what was done, without the
    identifier's value.

    Raises UsageError for an identifier that is none, and for a grant that is not for one identifier
    and one purpose.
    """
    check(decision)
    warehouse.prepare(settings)
    at = datetime.now(UTC).replace(tzinfo=None)
    named = _named(settings, identifier, decision)
    return record_all(settings, [Statement(kind, value, decision, at) for kind, value in named])


def record_all(settings: Settings, stated: Sequence[Statement]) -> dict[str, Any]:
    """Record statements of one kind, grants or refusals; returns what was done, without a value.

    A refusal counts when this returns. A repeated call with the same statements changes nothing.
    """
    first = stated[0]
    row = {
        "status": first.decision.status,
        "purpose": _common([one.decision.purpose for one in stated]),
        "channel": _common([one.decision.channel for one in stated]),
        "identifiers": len(stated),
    }
    last = {"decided_at": max(one.decided_at for one in stated)}
    if first.decision.is_grant:
        _land(settings, *statements.records_of(stated), is_patient=True, is_grant=True)
        return {**row, "match": "", "profiles": 0, "counts": "from the next run on", **last}
    # A forgotten person is refused everywhere: a refusal would only bring an identifier back.
    stated = statements.without_forgotten(settings, stated)
    if not stated:
        return {**row, "match": "forgotten", "profiles": 0, "counts": _FORGOTTEN, **last}
    matches = waiting.add(settings, statements.refusals_of(stated))
    _land(settings, *statements.records_of(stated), is_patient=False)
    row["match"] = ", ".join(
        match if len(matches) == 1 else f"{count:,} {match}" for match, count in matches.items()
    )
    return {**row, **_effect(settings, [one.record_id for one in stated]), **last}


_FORGOTTEN = "already: the person was forgotten, and nothing more of them is recorded"


def _common(words: Sequence[str]) -> str:
    return words[0] if len(set(words)) == 1 else "several"


def _effect(settings: Settings, consent_ids: Sequence[str]) -> dict[str, Any]:
    """What refusals change. A lake that an older version built has the rule rebuilt first."""
    with warehouse.connect(settings, read_only=True) as lake:
        is_old = warehouse.relation_exists(lake, "marts.consents") and not (
            warehouse.relation_exists(lake, waiting.REACH)
        )
    if is_old:
        with warehouse.writing(settings):
            withdrawals.refresh(RunContext(settings))
    profiles, syncs = waiting.reached(settings, consent_ids)
    counts = "now, for every request from here on"
    if syncs:
        counts += f"; removed from {', '.join(syncs)} by the next `segmentry sync apply` or run"
    return {"profiles": profiles, "counts": counts}


def check(decision: Decision) -> None:
    """Raise UsageError for a grant that does not state one purpose and a proof."""
    if decision.is_grant and decision.purpose == "any":
        raise UsageError(
            "a grant of the purpose 'any' was given",
            allowed="one purpose per grant: marketing, advertising, personalization, analytics or"
            " profiling",
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
    check_identifier(kind, value, is_grant=decision.is_grant)
    return [(kind, value)]


def check_identifier(kind: str, value: str, *, is_grant: bool) -> None:
    """Raise UsageError for an identifier that is none."""
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
    if fault is not None and (is_grant or not is_loose):
        raise UsageError(
            f"the value given is no identifier of the type '{kind}': {fault}",
            allowed="a value such as " + _EXAMPLES.get(kind, f"{kind}:A-1042"),
            remedy="check the value; write a phone number with + and its country code",
        )


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
    named = [(kind, value) for kind, value in rows if kind in TYPES]
    if not named:
        raise UsageError(
            "the profile has no identifier that a decision can be recorded for",
            allowed="a profile with one of " + ", ".join(TYPES),
            remedy="name an identifier of the person as type:value",
        )
    return named


def land_waiting(settings: Settings) -> None:
    """Land the records of refusals that could not be landed as they were made, and remove the
    refusals that the rule has from their record.
    """
    with warehouse.connect(settings) as lake:
        waiting.remove_those_the_rule_has(lake)
        left = waiting.files(lake)
    for file, lines in left:
        _land(settings, file, lines, is_patient=True)


def _land(
    settings: Settings,
    file: str,
    lines: Sequence[tuple[int, str]],
    *,
    is_patient: bool,
    is_grant: bool = False,
) -> None:
    """Land records once. Without patience, one that meets a load is left to the next run's."""
    records = Records()
    for line, raw in lines:
        records.add(line, raw)
    digest = hashlib.sha256("\n".join(records.raws).encode()).hexdigest()
    item = landing.Input(SOURCE, file, digest)
    with landing.one_at_a_time(settings, waits=is_patient) as is_ours:
        if not is_ours:
            return
        with warehouse.connect(settings) as lake:
            landing.ensure_tables(lake, [SOURCE])
            if landing.is_landed(lake, SOURCE, digest):
                return
            graves = Tombstones(settings, configuration.shop_country(settings))
            if landing.land(lake, item, [records], graves=graves).forgotten:
                waiting.remove_those_not_landed(lake, file, item.relation, item.batch_id)
                if is_grant:
                    raise UsageError(
                        "the identifier is that of a forgotten person, and nothing is recorded",
                        allowed="an identifier without a tombstone",
                        remedy="docs/how-to/privacy.md describes how a person who was forgotten"
                        " returns",
                    )
