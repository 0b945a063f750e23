"""GET /v1/snippet.js: the script with which a page asks for the segments of its visitor."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_FILE = Path(__file__).parent.parent / "snippet.js"


@cache
def script() -> bytes:
    """The script."""
    return _FILE.read_bytes()


async def snippet(request: Request) -> Response:
    """The script; it is no secret, and every page may load it."""
    headers = {"cache-control": "public, max-age=3600", "access-control-allow-origin": "*"}
    return Response(script(), 200, headers, "text/javascript")


ROUTES = [Route("/v1/snippet.js", snippet, methods=["GET"])]
DOCUMENT: dict[str, Any] = {
    "/v1/snippet.js": {
        "get": {
            "summary": "The browser snippet",
            "is_open": True,
            "responses": {"200": "text/javascript"},
        }
    }
}
