"""GET /healthz: whether the server can answer, for a load balancer."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.faults import ApiFault, answer
from api.guard import service


async def health(request: Request) -> Response:
    """200 while the store answers, with `empty` before its first feed; else 503."""
    known = service(request)
    try:
        state = await known.ask(known.store.state)
    except ApiFault as fault:
        return fault.response()
    except Exception as error:
        return ApiFault(503, f"the store does not answer: {type(error).__name__}").response()
    content = {
        "status": "ok" if state.snapshot is not None else "empty",
        "snapshot": state.snapshot,
    }
    return answer(content, 200 if state.snapshot is not None else 503)


ROUTES = [Route("/healthz", health, methods=["GET"])]
DOCUMENT: dict[str, Any] = {
    "/healthz": {
        "get": {
            "summary": "Whether the server can answer",
            "is_open": True,
            "responses": {"200": "Health", "503": "Health"},
        }
    }
}
