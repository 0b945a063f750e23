"""The ASGI application: the routes of api/routes/ behind one guard."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from api import routes
from api.document import document
from api.faults import ApiFault
from api.guard import preflight
from api.service import ApiService
from segmentry.errors import ConfigError


def build(service: ApiService) -> Starlette:
    """The application over one service; it closes the service when the server ends."""
    found: list[BaseRoute] = []
    parts: dict[str, Any] = {}
    for module in _modules():
        found += module.ROUTES
        parts.update(module.DOCUMENT)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        service.close()

    app = Starlette(
        routes=found,
        middleware=[Middleware(Preflights)],
        exception_handlers={404: _nothing_there, 405: _other_method},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.service = service
    app.state.document = document(parts)
    return app


def _modules() -> list[Any]:
    found = []
    for item in sorted(pkgutil.iter_modules(routes.__path__), key=lambda one: one.name):
        module = importlib.import_module(f"api.routes.{item.name}")
        if not hasattr(module, "ROUTES") or not hasattr(module, "DOCUMENT"):
            raise ConfigError(
                f"api/routes/{item.name}.py has no ROUTES or no DOCUMENT",
                allowed="a file of a route: a list of routes and its part of the OpenAPI document",
                remedy="add what is missing, or move the file out of the folder",
            )
        found.append(module)
    return found


class Preflights:
    """Answers browsers that ask whether their page may send a request; passes on all else."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of ASGI."""
        if scope["type"] == "http" and scope["method"] == "OPTIONS":
            await preflight(Request(scope, receive))(scope, receive, send)
        else:
            await self._app(scope, receive, send)


async def _nothing_there(request: Request, error: Exception) -> Response:
    return ApiFault(
        404, "there is nothing at this path", "the paths of /openapi.json", "correct the path"
    ).response()


async def _other_method(request: Request, error: Exception) -> Response:
    return ApiFault(
        405,
        "the path does not have this method",
        "the methods of /openapi.json",
        "use another method",
    ).response()
