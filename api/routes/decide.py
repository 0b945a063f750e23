"""POST /v1/decide: what each slot of a page shows a person, always with an answer; POST /v1/shown:
what the page then showed; GET /v1/decide.js: the script that does both.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from api.faults import ApiFault, answer
from api.guard import guarded, service
from api.identifiers import parsed
from api.rules import Caller
from experiments.content.fields import request_context
from experiments.decide.person import PERSONALIZATION
from live.store.records import Identifier
from segmentry.errors import UsageError

_FILE = Path(__file__).parent.parent / "decide.js"
_MOST_BYTES = 16_000
_MOST_SLOTS = 50
_MOST_IDENTIFIERS = 10
_DECIDE = '{"identifiers": ["type:value"], "slots": ["name"], "context": {}, "shown": false}'
_SHOWN = '{"identifiers": ["type:value"], "decision_id": "...", "arms": {"experiment": "variant"}}'
_log = logging.getLogger("api")


async def decided(request: Request, caller: Caller) -> Response:
    """One decision for each slot; their fallbacks where the store or a template fails."""
    known = service(request)
    body = await _body(request, caller, _DECIDE)
    identifiers = _identifiers(request, caller, body, _DECIDE)
    slots = _texts(body, "slots", _MOST_SLOTS, _DECIDE)
    is_shown = body.get("shown", False)
    if not isinstance(is_shown, bool):
        raise _wrong("shown is not true or false", _DECIDE)
    decider = known.decider
    try:
        context = request_context(_object(body, "context", _DECIDE))
        if unknown := [name for name in slots if name not in decider.content.slots]:
            raise UsageError(
                f"slot {slots.index(unknown[0]) + 1} does not exist",
                allowed=", ".join(decider.content.slots),
                remedy="correct the name, or add config/content/<name>.yml",
            )
    except UsageError as error:
        raise ApiFault(400, error.received, error.allowed, error.remedy) from None
    made = partial(decider.decide, identifiers, slots, context, caller.gets)
    try:
        return answer(decider.record(await known.ask(made), is_shown=is_shown))
    except ApiFault as fault:
        return answer(decider.fallbacks(slots, fault.received))
    except Exception as error:  # a page gets its fallback, whatever the store meets
        _log.error("decisions fell back: %s", type(error).__name__)
        return answer(decider.fallbacks(slots, "the store does not answer"))


async def shown(request: Request, caller: Caller) -> Response:
    """Record that a page showed what was decided."""
    known = service(request)
    body = await _body(request, caller, _SHOWN)
    identifiers = _identifiers(request, caller, body, _SHOWN)
    decision_id = body.get("decision_id")
    arms = _object(body, "arms", _SHOWN)
    if not isinstance(decision_id, str) or not 1 <= len(decision_id) <= 64:
        raise _wrong("decision_id is not the one of an answer", _SHOWN)
    if len(arms) > _MOST_SLOTS or not all(isinstance(arm, str) for arm in arms.values()):
        raise _wrong("arms is not an object of texts", _SHOWN)
    try:
        is_logged = await known.ask(known.decider.shown, identifiers, decision_id, arms)
    except UsageError as error:
        raise ApiFault(400, error.received, error.allowed, error.remedy) from None
    return answer({"is_logged": is_logged})


async def _body(request: Request, caller: Caller, form: str) -> Mapping[str, Any]:
    if PERSONALIZATION not in {purpose for purpose, _ in caller.uses}:
        raise ApiFault(
            403,
            f"the token '{caller.name}' is not for the purpose {PERSONALIZATION}",
            "a token with this purpose in config/api.yml",
            "add the purpose to the token, or make another with `segmentry api token new`",
        )
    content = b""
    try:
        async for part in request.stream():
            content += part
            if len(content) > _MOST_BYTES:
                raise ApiFault(413, f"the body has more than {_MOST_BYTES} bytes", form)
        found = orjson.loads(content)
    except (ValueError, ClientDisconnect):
        raise _wrong("the body is not JSON", form) from None
    if not isinstance(found, dict):
        raise _wrong("the body is not an object", form)
    return found


def _identifiers(
    request: Request, caller: Caller, body: Mapping[str, Any], form: str
) -> list[Identifier]:
    texts = _texts(body, "identifiers", _MOST_IDENTIFIERS, form)
    return [parsed(service(request), caller, text) for text in texts]


def _texts(body: Mapping[str, Any], name: str, most: int, form: str) -> list[str]:
    found = body.get(name)
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise _wrong(f"{name} is not a list of texts", form)
    if not 1 <= len(found) <= most:
        raise _wrong(f"{name} has {len(found)} entries, 1 to {most} are allowed", form)
    return list(dict.fromkeys(found))


def _object(body: Mapping[str, Any], name: str, form: str) -> Mapping[str, Any]:
    found = body.get(name, {})
    if not isinstance(found, dict):
        raise _wrong(f"{name} is not an object", form)
    return found


def _wrong(received: str, form: str) -> ApiFault:
    return ApiFault(400, received, form, "correct the body")


@cache
def script() -> bytes:
    """The script."""
    return _FILE.read_bytes()


async def snippet(request: Request) -> Response:
    """The script; it is no secret, and every page may load it."""
    headers = {"cache-control": "public, max-age=3600", "access-control-allow-origin": "*"}
    return Response(script(), 200, headers, "text/javascript")


ROUTES = [
    Route("/v1/decide", guarded(decided), methods=["POST"]),
    Route("/v1/shown", guarded(shown), methods=["POST"]),
    Route("/v1/decide.js", snippet, methods=["GET"]),
]
DOCUMENT: dict[str, Any] = {
    "/v1/decide": {
        "post": {
            "summary": "What each slot shows a person; the fallbacks if that cannot be decided",
            "body": "DecideRequest",
            "responses": {"200": "Decided", "413": "Error"},
        }
    },
    "/v1/shown": {
        "post": {
            "summary": "Record that the variants of experiments were shown",
            "body": "ShownRequest",
            "responses": {"200": "Shown", "413": "Error"},
        }
    },
    "/v1/decide.js": {
        "get": {
            "summary": "The script that fills the slots of a page",
            "is_open": True,
            "responses": {"200": "text/javascript"},
        }
    },
}
