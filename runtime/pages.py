"""Serves a home's own pages and MLflow behind its password: ``python -m runtime.pages PAGE --port
N``.

A page of another site must not read or change anything through the browser of a person who is
signed in. So each request must name this server as its host, which a name that was pointed at this
machine (DNS rebinding) does not, and must not come from another origin.
"""

from __future__ import annotations

import argparse
import base64
import hmac
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from runtime import login
from runtime.processes import LOOPBACK
from segmentry.permissions import keep_private
from segmentry.settings import ROOT, Settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))


class Guarded:
    """An ASGI application that answers only to its own names, to its own pages, and with the
    password.
    """

    def __init__(
        self, app: ASGIApp, secret: str, hosts: frozenset[str], *, open_paths: frozenset[str]
    ) -> None:
        self._app = app
        self._secret = base64.b64encode(f"{login.USER}:{secret}".encode())
        self._hosts = hosts
        self._open_paths = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer why not."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None and scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif refusal is not None:
            await _answer(send, *refusal)
        else:
            await self._app(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = headers_of(scope)
        if headers.get("host", "").lower() not in self._hosts:
            return 421, "this server does not have that name"
        if not is_own_page(headers, scope.get("method", "GET"), self._hosts):
            return 403, "requests of other sites' pages are refused"
        if scope["path"] in self._open_paths:
            return None
        kind, _, given = headers.get("authorization", "").partition(" ")
        is_known = kind.lower() == "basic" and hmac.compare_digest(
            given.strip().encode(), self._secret
        )
        return None if is_known else (401, "sign in")


def is_own_page(headers: Mapping[str, str], method: str, hosts: frozenset[str]) -> bool:
    """Whether a request comes from a page of these hosts, or from no page at all."""
    origin = headers.get("origin")
    if origin is not None and origin.lower().partition("://")[2] not in hosts:
        return False
    site = headers.get("sec-fetch-site", "none")
    return site in {"none", "same-origin"} or (
        method in SAFE_METHODS and headers.get("sec-fetch-mode") == "navigate"
    )


def headers_of(scope: Scope) -> dict[str, str]:
    """Headers of a request by their names in small letters."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        # Another program may read a second Host or Origin, or another one in between, in another
        # way.
        found[key] = (
            f"{found[key]},{value.decode('latin-1')}" if key in found else value.decode("latin-1")
        )
    return found


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {name.lower() for name, _ in message.get("headers", [])}
            added = [pair for pair in HEADERS if pair[0] not in present]
            message = {**message, "headers": [*message.get("headers", []), *added]}
        await send(message)

    return sending


async def _answer(send: Send, status: int, text: str) -> None:
    asks = (
        [(b"www-authenticate", b'Basic realm="Segmentry", charset="UTF-8"')]
        if status == 401
        else []
    )
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *asks, *HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{text}\n".encode()})


def names(port: int, more: str = "") -> frozenset[str]:
    """Values of a Host header that mean this server; more: others, with their ports, between
    commas.
    """
    others = {name.strip().lower() for name in more.split(",") if name.strip()}
    return frozenset({f"{LOOPBACK}:{port}", f"localhost:{port}", f"[::1]:{port}", *others})


def _files(folder: Path) -> ASGIApp:
    from starlette.applications import Starlette
    from starlette.routing import Mount
    from starlette.staticfiles import StaticFiles

    folder.mkdir(parents=True, exist_ok=True)
    return Starlette(routes=[Mount("/", StaticFiles(directory=folder, html=True))])


def _mlflow(settings: Settings) -> ASGIApp:
    # The addresses go by the environment: the arguments of a process are there for all users to
    # read.
    from mlflow.server import constants as server

    os.environ[server.BACKEND_STORE_URI_ENV_VAR] = (
        os.environ.get("MLFLOW_BACKEND_STORE_URI") or settings.mlflow_uri
    )
    if artifacts := os.environ.get("MLFLOW_ARTIFACTS_DESTINATION"):
        os.environ[server.ARTIFACTS_DESTINATION_ENV_VAR] = artifacts
        os.environ[server.SERVE_ARTIFACTS_ENV_VAR] = "true"
        os.environ[server.ARTIFACT_ROOT_ENV_VAR] = "mlflow-artifacts:/"
    else:
        os.environ[server.ARTIFACT_ROOT_ENV_VAR] = str(settings.mlflow_artifacts)
    from mlflow.server.fastapi_app import app

    return cast("ASGIApp", app)


def application(page: str, settings: Settings) -> ASGIApp:
    """The page without its guard."""
    if page == "mlflow":
        return _mlflow(settings)
    if page == "metrics":
        from runtime.metrics.app import application as metrics

        return metrics(settings)
    return _files({"data-docs": settings.data_docs, "dbt-docs": settings.home / "dbt_docs"}[page])


def main(arguments: list[str] | None = None) -> None:
    """Serve one page until the process is stopped."""
    parser = argparse.ArgumentParser(prog="python -m runtime.pages")
    parser.add_argument("page", choices=("mlflow", "data-docs", "dbt-docs", "metrics"))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default=LOOPBACK)
    parser.add_argument(
        "--names", default="", help="other values of the Host header, between commas"
    )
    words = parser.parse_args(arguments)
    serve(words.page, words.port, words.host, words.names)


def serve(page: str, port: int, host: str = LOOPBACK, more_names: str = "") -> None:
    """Serve the page behind its guard until the process is stopped."""
    keep_private()
    settings = Settings.from_environment()
    guarded = Guarded(
        application(page, settings),
        login.password(settings),
        names(port, more_names),
        open_paths=frozenset({"/health"} if page == "mlflow" else ()),
    )
    import uvicorn

    options: dict[str, Any] = {"access_log": False, "log_level": "warning", "server_header": False}
    uvicorn.run(guarded, host=host, port=port, **options)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
