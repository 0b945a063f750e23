"""From the body of a request to the lines that the source ``events`` loads."""

from __future__ import annotations

import base64
import ipaddress
import uuid
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson

from collector.keys import CollectorRules
from segmentry import consent_strings

# What a record takes from its batch where it has none of its own.
HANDED_DOWN = ("sentAt", "context", "integrations")


class BadRequest(Exception):
    """The request is refused: an HTTP status and a reason without any value of the request."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def unpacked(body: bytes, most: int) -> bytes:
    """The body, of gzip where it starts as gzip does, whatever its headers state."""
    if body[:2] != b"\x1f\x8b":
        return body
    unpacker = zlib.decompressobj(wbits=31)
    try:
        content = unpacker.decompress(body, most + 1)
    except zlib.error:
        raise BadRequest(400, "the body starts as gzip and is not gzip") from None
    if len(content) > most:
        raise BadRequest(413, f"the body has more than {most} bytes")
    if not unpacker.eof:
        raise BadRequest(400, "the gzip body is not complete")
    return content


def parsed(content: bytes) -> dict[str, Any]:
    """The JSON object of a body."""
    try:
        found = orjson.loads(content)
        orjson.dumps(found)  # nesting that cannot be written is refused here
    except (orjson.JSONDecodeError, TypeError):
        raise BadRequest(400, "the body is not JSON, or is nested too deeply") from None
    if not isinstance(found, dict):
        raise BadRequest(400, "the body is not a JSON object")
    return found


def of_pixel(data: str) -> bytes:
    """The JSON of a pixel's ``data``, which is base64 of either alphabet."""
    try:
        padded = data.replace("-", "+").replace("_", "/") + "=" * (-len(data) % 4)
        return base64.b64decode(padded, validate=True)
    except ValueError:
        raise BadRequest(400, "data is not base64") from None


def malformed_line(content: bytes) -> bytes:
    """A body that is no event, as one line that the load keeps for quarantine."""
    return orjson.dumps(content.decode("utf-8", "replace")) + b"\n"


def lines(body: dict[str, Any], kind: str, rules: CollectorRules, peer: str) -> bytes:
    """One line per event. kind: type of call of the path; batch for a batch. peer: address of a
    browser, empty for a server.
    """
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return b"".join(
        orjson.dumps(_event(item, kind, rules, peer, now)) + b"\n" for item in _items(body, kind)
    )


def _items(body: dict[str, Any], kind: str) -> Iterator[Any]:
    if kind != "batch":
        yield body
        return
    batch = body.get("batch")
    if not isinstance(batch, list):
        raise BadRequest(400, "batch is not a list of events")
    handed = {name: body[name] for name in HANDED_DOWN if name in body}
    for item in batch:
        yield {**handed, **item} if isinstance(item, dict) else item


def _event(item: Any, kind: str, rules: CollectorRules, peer: str, now: str) -> Any:
    if not isinstance(item, dict):
        return item
    event = {name: value for name, value in item.items() if name != "writeKey"}
    if kind != "batch" and event.get("type") is None:
        event["type"] = kind
    if event.get("messageId") is None:
        event["messageId"] = f"collected-{uuid.uuid4()}"
    # The client's clock: staging corrects it once, from originalTimestamp, sentAt and receivedAt.
    if event.get("originalTimestamp") is None and "timestamp" in event:
        event["originalTimestamp"] = event.pop("timestamp")
    event["receivedAt"] = now
    event = _permitted(event, rules)
    _limit_address(event, rules.ip, peer)
    return event


def _permitted(event: dict[str, Any], rules: CollectorRules) -> dict[str, Any]:
    context = event.get("context")
    consent = context.get("consent") if isinstance(context, dict) else None
    if consent is None:
        return event
    found, _ = consent_strings.answers(orjson.dumps(consent).decode())
    is_refused = any(a.purpose == "analytics" and not a.is_granted for a in found)
    if not is_refused or event.get("event") in rules.kept_when_refused:
        return event
    names = ("messageId", "anonymousId", "userId", "originalTimestamp", "sentAt", "receivedAt")
    kept = {name: event[name] for name in names if name in event}
    return {
        "type": "track",
        "event": "Consent Preference Updated",
        **kept,
        "context": {"consent": consent},
    }


def _limit_address(event: dict[str, Any], rule: str, peer: str) -> None:
    context = event.get("context")
    if not isinstance(context, dict):
        return
    address = context.get("ip") or peer
    limited = {name: value for name, value in context.items() if name != "ip"}
    if rule != "none" and address and len(limited) > ("consent" in limited):
        limited["ip"] = address if rule == "full" else _truncated(address)
    event["context"] = limited


def _truncated(address: Any) -> str | None:
    try:
        found = ipaddress.ip_address(str(address))
    except ValueError:
        return None
    bits = 24 if found.version == 4 else 48
    return str(ipaddress.ip_network((found, bits), strict=False).network_address)
