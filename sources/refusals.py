"""Opt-outs of a batch that is withdrawn, as records of the source `consents`: they outlive the
batch they came in.

An event or a consent string answers for several purposes at once. Kept as it is, its grants would
stay in force with its refusals, and so would the rest of the event; so only the refusals are landed
again, each by itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import duckdb
import orjson

from segmentry import consent_strings
from segmentry.identifier_words import types_named
from sources import landing
from sources.mapping import KEYS
from sources.readers.records import Records

SOURCE = "consents"
# The fields of an event for its time; the first one that is stated counts.
_TIMES = ("timestamp", "originalTimestamp", "sentAt", "receivedAt")
Refusal = dict[str, Any]


def keep(lake: duckdb.DuckDBPyConnection, source: str, batch_id: str) -> int:
    """Land the opt-outs that the batch's events or consent strings state, once; returns how many
    there are.
    """
    refusals = list(stated(lake, source, batch_id))
    if not refusals:
        return 0
    records = Records()
    for line, refusal in enumerate(refusals, start=1):
        records.add(line, json.dumps(refusal, ensure_ascii=False))
    digest = hashlib.sha256("\n".join(records.raws).encode("utf-8", "surrogatepass")).hexdigest()
    item = landing.Input(SOURCE, f"withdrawn/{source}/{batch_id}", digest)
    if not landing.is_landed(lake, SOURCE, digest):
        landing.land(lake, item, [records])
    return len(refusals)


def stated(lake: duckdb.DuckDBPyConnection, source: str, batch_id: str) -> Iterator[Refusal]:
    """A record per identifier, purpose and channel that the batch opts out; of several the
    latest.
    """
    read = {"events": _of_event, "consents": _of_consent}.get(source)
    if read is None:
        return
    sql = (
        f'select _line, _raw, _loaded_at, _source from lake.raw."{source}" where _batch_id = ?'
        " order by _line"
    )
    latest: dict[tuple[Any, ...], Refusal] = {}
    for line, raw, loaded_at, landed_as in lake.execute(sql, [batch_id]).fetchall():
        record = _record(raw)
        keys = record.get(KEYS) if landed_as != source else None
        for number, refusal in enumerate(read(record)):
            if keys and _is_contact(refusal["identifier_type"]):
                refusal["identifier"] = f"{keys}:{refusal['identifier']}"
            refusal["occurred_at"] = str(refusal["occurred_at"] or f"{loaded_at.isoformat()}Z")
            key = tuple(
                refusal[name] for name in ("identifier_type", "identifier", "purpose", "channel")
            )
            if key not in latest or refusal["occurred_at"] >= latest[key]["occurred_at"]:
                latest[key] = {"consent_id": f"withdrawn:{batch_id}:{line}:{number}", **refusal}
    yield from latest.values()


def _is_contact(identifier_type: str) -> bool:
    """Whether an identifier is the number of a contact, by the names that staging knows for it."""
    return tuple(types_named(identifier_type)) == ("crm_id",)


def _record(raw: str) -> Mapping[str, Any]:
    try:
        record = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return record if isinstance(record, dict) else {}


def _of_event(record: Mapping[str, Any]) -> Iterator[Refusal]:
    context = _object(record.get("context"))
    consent = context.get("consent")
    if not consent:
        return
    at = next((record[name] for name in _TIMES if record.get(name)), None)
    for purpose in _refused(consent):
        for identifier_type, identifier in _named(record, context):
            yield _refusal(identifier_type, identifier, purpose, at)


def _named(record: Mapping[str, Any], context: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The people that an event may be about: account and browser; if it names neither, all else
    that it names.

    What joined account and browser may leave with the batch, so a refusal counts for each by
    itself.
    """
    traits = {**_object(context.get("traits")), **_object(record.get("traits"))}
    device = _object(context.get("device")).get("id")
    strong = (("user_id", record.get("userId")), ("cookie", record.get("anonymousId")))
    others = (("device_id", device), ("email", traits.get("email")), ("phone", traits.get("phone")))
    for named in (strong, others):
        found = [(kind, _text(value)) for kind, value in named if _text(value)]
        if found:
            yield from found
            return


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _of_consent(record: Mapping[str, Any]) -> Iterator[Refusal]:
    text = _text(record.get("consent_string"))
    if not text:
        return
    named = (_text(record.get("identifier_type")), _text(record.get("identifier")))
    more = {name: record[name] for name in ("jurisdiction", "proof") if record.get(name)}
    at = record.get("occurred_at")
    for purpose in _refused(text):
        yield _refusal(*named, purpose, at, **more)
    if is_refusal(record.get("status")):
        channel = record.get("channel") or "any"
        yield _refusal(*named, record.get("purpose") or "any", at, **more, channel=channel)


def is_refusal(status: object) -> bool:
    """Whether a status opts out: any word but `granted`, whatever is between its letters."""
    return "".join(c for c in _text(status).casefold() if c.isalpha()) not in {"", "granted"}


def _refusal(
    identifier_type: str, identifier: str, purpose: str, at: object, **more: object
) -> Refusal:
    return {
        "identifier_type": identifier_type, "identifier": identifier, "purpose": purpose,
        "channel": "any",
        "status": "denied", "occurred_at": at, "source": "withdrawn batch", **more,
    }  # fmt: skip


def _refused(consent: object) -> list[str]:
    text = consent if isinstance(consent, str) else json.dumps(consent)
    found, _ = consent_strings.answers(text)
    return [answer.purpose for answer in found if not answer.is_granted]


def _text(value: object) -> str:
    is_value = isinstance(value, str | int | float) and not isinstance(value, bool)
    return str(value).strip() if is_value else ""
