"""What a caller gets of a profile."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from api.faults import JSON, ApiFault
from api.rules import Caller
from api.service import ApiService
from live.store.records import StoredProfile

_CACHE = {"cache-control": "private, no-cache", "vary": "authorization, origin"}


def of_profile(service: ApiService, caller: Caller, profile: StoredProfile) -> dict[str, Any]:
    """The answer. Without consent to any use of the caller it has no traits, scores and segments.
    A public token gets no profile_id: it would connect a person's browsers.
    """
    purposes = service.permitted(caller, profile)
    is_permitted = any(purposes.values())
    named = {} if caller.is_public else {"profile_id": profile.profile_id}
    return {
        **named,
        "version": profile.version._asdict(),
        "purposes": purposes,
        "consent": _consent(caller, profile),
        "segments": [
            {"segment": name, "entered_at": at} for name, at in sorted(profile.segments.items())
        ]
        if is_permitted
        else [],
        "traits": _permitted(service, caller, profile.traits, is_permitted),
        "scores": _permitted(service, caller, profile.scores, is_permitted),
        "is_fallback": False,
    }


def _permitted(
    service: ApiService, caller: Caller, values: Any, is_permitted: bool
) -> dict[str, Any]:
    if not is_permitted:
        return {}
    return {
        name: service.shown(caller, name, value)
        for name, value in values.items()
        if caller.gets(name)
    }


def _consent(caller: Caller, profile: StoredProfile) -> dict[str, dict[str, str]]:
    """The latest decisions for the purposes of the caller; one that is not there is unknown."""
    found: dict[str, dict[str, str]] = {purpose: {} for purpose, _ in caller.uses}
    for use, status in sorted(profile.consent.items()):
        purpose, _, channel = use.partition("/")
        if purpose in found:
            found[purpose][channel] = status
    return found


def unknown() -> ApiFault:
    """Nobody has the identifier."""
    return ApiFault(
        404,
        "no profile has this identifier",
        "an identifier of a profile of the newest run, or found live since",
        "treat the person as new",
    )


def tagged(request: Request, content: Any) -> Response:
    """The answer with an ETag of its content; 304 without content if the caller has it."""
    body = orjson.dumps(content)
    tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {**_CACHE, "etag": tag}
    given = request.headers.get("if-none-match", "")
    if given and (
        given == "*" or tag in (one.strip().removeprefix("W/") for one in given.split(","))
    ):
        return Response(status_code=304, headers=headers)
    return Response(body, 200, headers, JSON)
