"""Every request passes here: token, origin, rate, and an answer whatever happens."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from api.faults import ApiFault
from api.rules import Caller
from api.service import ApiService

Handler = Callable[[Request, Caller], Awaitable[Response]]
_EXPOSED = "etag, retry-after"
_log = logging.getLogger("api")


def service(connection: HTTPConnection) -> ApiService:
    """The service that the connection's server has."""
    found: ApiService = connection.app.state.service
    return found


def guarded(handler: Handler, cost: float = 1.0) -> Callable[[Request], Awaitable[Response]]:
    """The handler behind its checks. cost: how many requests it counts for."""

    async def endpoint(request: Request) -> Response:
        cors: Mapping[str, str] = {}
        try:
            caller = admitted(request, cost)
            cors = _cors(request.headers.get("origin", ""))
            response = await handler(request, caller)
        except ApiFault as fault:
            response = fault.response()
            cors = cors or _known_cors(request)
        except Exception as error:  # values of a request stay out of answer and log
            _log.error("a request ended with an unexpected %s", type(error).__name__)
            response = ApiFault(500, "the server met a fault of its own").response()
        response.headers.update(cors)
        return response

    return endpoint


def admitted(connection: HTTPConnection, cost: float = 1.0) -> Caller:
    """The caller, or the fault of a missing token, a wrong origin or too many requests."""
    known = service(connection)
    peer = connection.client.host if connection.client else ""
    caller = known.rules.caller(_token(connection))
    if caller is None:
        per_second = known.rules.refused_per_minute / 60
        wait = known.limits.wait(f"refused {peer}", per_second)
        if wait:
            raise _too_many(wait, "requests without a valid token")
        raise ApiFault(
            401,
            "the token is missing or unknown",
            "Authorization: Bearer with a token of config/api.yml",
            "make one with `segmentry api token new`",
            {"www-authenticate": "Bearer"},
        )
    origin = connection.headers.get("origin")
    if origin and origin not in caller.origins:
        raise ApiFault(
            403,
            "the token does not permit the origin of this page",
            "the origins of the token in config/api.yml",
            "add the page's scheme://host:port there",
        )
    wait = known.limits.wait(caller.name, caller.per_second, cost)
    if wait:
        raise _too_many(wait, f"requests with the token '{caller.name}'")
    return caller


def preflight(request: Request) -> Response:
    """The answer to a browser that asks whether its page may send a request."""
    return Response(status_code=204, headers=_known_cors(request))


def _too_many(wait: int, what: str) -> ApiFault:
    return ApiFault(
        429,
        f"too many {what}",
        "per_second and refused_per_minute in config/api.yml",
        f"wait {wait} s, or ask for up to 100 profiles in one request",
        {"retry-after": str(wait)},
    )


def _token(connection: HTTPConnection) -> str:
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _known_cors(request: Request) -> Mapping[str, str]:
    origin = request.headers.get("origin", "")
    return _cors(origin) if service(request).rules.is_known_origin(origin) else {}


def _cors(origin: str) -> Mapping[str, str]:
    if not origin:
        return {}
    return {
        "access-control-allow-origin": origin,
        "access-control-allow-methods": "GET, POST, OPTIONS",
        "access-control-allow-headers": "authorization, content-type, if-none-match",
        "access-control-expose-headers": _EXPOSED,
        "access-control-max-age": "600",
        "vary": "origin",
    }
