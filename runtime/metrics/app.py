"""The end point /metrics as an application, without its guard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segmentry.settings import Settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp

PATH = "/metrics"


def application(settings: Settings) -> ASGIApp:
    """Answers GET /metrics in the format that the scraper asks for."""
    from prometheus_client.exposition import choose_encoder
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    from runtime.metrics import collect

    made = collect.registry(settings)

    def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(made), media_type=content_type)

    return Starlette(routes=[Route(PATH, metrics)])
