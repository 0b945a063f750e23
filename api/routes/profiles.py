"""GET /v1/profiles/{type}:{value}, one segment of it, and POST /v1/profiles for up to 100."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from api import answers
from api.faults import ApiFault, answer
from api.guard import guarded, service
from api.identifiers import parsed
from api.rules import Caller
from live.store.records import StoredProfile

MOST_PROFILES = 100
_MOST_BYTES = 64_000
_BODY = '{"identifiers": ["type:value", ...]} with 1 to 100 of them'


async def one(request: Request, caller: Caller) -> Response:
    """The profile of an identifier."""
    profile = await _profile(request, caller)
    return answers.tagged(request, answers.of_profile(service(request), caller, profile))


async def membership(request: Request, caller: Caller) -> Response:
    """Whether the profile is in one segment."""
    profile = await _profile(request, caller)
    content = answers.of_profile(service(request), caller, profile)
    entered = {item["segment"]: item["entered_at"] for item in content["segments"]}
    segment = request.path_params["segment"]
    return answers.tagged(
        request,
        {
            "segment": segment,
            "is_member": segment in entered,
            "entered_at": entered.get(segment),
            "purposes": content["purposes"],
            "version": content["version"],
            "is_fallback": False,
        },
    )


async def several(request: Request, caller: Caller) -> Response:
    """The profiles of up to 100 identifiers, in their order; null for one that nobody has."""
    known = service(request)
    asked = []
    for number, text in enumerate(await _asked(request), 1):
        try:
            asked.append(parsed(known, caller, text))
        except ApiFault as fault:
            fault.received = f"identifier {number}: {fault.received}"
            raise
    found = await known.find(asked)
    content = [item and answers.of_profile(known, caller, item) for item in found]
    return answer({"profiles": content, "is_fallback": False})


async def _profile(request: Request, caller: Caller) -> StoredProfile:
    known = service(request)
    identifier = parsed(known, caller, request.path_params["identifier"])
    (found,) = await known.find([identifier])
    if found is None:
        raise answers.unknown()
    return found


async def _asked(request: Request) -> list[str]:
    try:
        content = await _body(request)
        asked = orjson.loads(content)["identifiers"]
    except (ValueError, KeyError, TypeError):
        raise _wrong("the body is not such an object") from None
    if not isinstance(asked, list) or not all(isinstance(text, str) for text in asked):
        raise _wrong("identifiers is no list of texts")
    if not 1 <= len(asked) <= MOST_PROFILES:
        raise _wrong(f"there are {len(asked)} identifiers")
    return asked


async def _body(request: Request) -> bytes:
    content = b""
    try:
        async for part in request.stream():
            content += part
            if len(content) > _MOST_BYTES:
                raise ApiFault(
                    413,
                    f"the body has more than {_MOST_BYTES} bytes",
                    _BODY,
                    "send several requests",
                )
    except ClientDisconnect:
        raise _wrong("the body ended too early") from None
    return content


def _wrong(received: str) -> ApiFault:
    return ApiFault(400, received, _BODY, "correct the body")


_NAME = "/v1/profiles/{identifier:path}"
ROUTES = [
    Route("/v1/profiles", guarded(several), methods=["POST"]),
    Route(_NAME + "/segments/{segment}", guarded(membership), methods=["GET"]),
    Route(_NAME, guarded(one), methods=["GET"]),
]
_IDENTIFIER: dict[str, Any] = {
    "name": "identifier", "in": "path", "required": True,
    "description": "type:value, percent-encoded; email:ann%40example.com",
    "schema": {"type": "string"},
}  # fmt: skip
_SEGMENT: dict[str, Any] = {
    "name": "segment", "in": "path", "required": True, "schema": {"type": "string"},
}  # fmt: skip
_TAG: dict[str, Any] = {
    "name": "If-None-Match", "in": "header", "required": False, "schema": {"type": "string"},
}  # fmt: skip
DOCUMENT: dict[str, Any] = {
    "/v1/profiles/{identifier}": {
        "get": {
            "summary": "The permitted part of one profile",
            "parameters": [_IDENTIFIER, _TAG],
            "responses": {"200": "Profile", "304": None, "404": "Error"},
        }
    },
    "/v1/profiles/{identifier}/segments/{segment}": {
        "get": {
            "summary": "Whether a profile is in one segment",
            "parameters": [_IDENTIFIER, _SEGMENT, _TAG],
            "responses": {"200": "Membership", "304": None, "404": "Error"},
        }
    },
    "/v1/profiles": {
        "post": {
            "summary": "Up to 100 profiles, in the order asked; null for an unknown identifier",
            "body": "ProfilesRequest",
            "responses": {"200": "Profiles", "413": "Error"},
        }
    },
}
