"""GET /openapi.json: the OpenAPI document, put together from the routes."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.faults import answer


async def document(request: Request) -> Response:
    """The document of this server."""
    return answer(request.app.state.document)


ROUTES = [Route("/openapi.json", document, methods=["GET"])]
DOCUMENT: dict[str, Any] = {
    "/openapi.json": {
        "get": {"summary": "This document", "is_open": True, "responses": {"200": "Document"}}
    }
}
