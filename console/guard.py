"""What every request passes before a page sees it: its host, its origin, its visitor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.access import SignIn
from runtime.pages import headers_of, is_own_page
from segmentry.errors import SegmentryError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

VISITOR = "segmentry.visitor"


class ConsoleGuard:
    """An ASGI application that signs its visitors in, answers to its own pages alone, and sends the
    headers that keep other content out.

    hosts: names of this server; None where the server around it knows them. is_framed: pages may be
    shown in a frame of the same origin.
    """

    def __init__(
        self,
        app: ASGIApp,
        sign_in: SignIn,
        hosts: frozenset[str] | None,
        *,
        is_framed: bool,
    ) -> None:
        self._app = app
        self._sign_in = sign_in
        self._hosts = hosts
        self._is_framed = is_framed
        self._headers = _headers(is_framed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer why not."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            refusal = await self._refusal(scope)
            if refusal is None:
                await self._app(scope, receive, self._sending(send))
            else:
                # Within another server's pages, a browser's own form would ask for a password that
                # does not exist.
                await _answer(self._sending(send), *refusal, asks=not self._is_framed)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = headers_of(scope)
        host = headers.get("host", "").lower()
        if self._hosts is not None and host not in self._hosts:
            return 421, "this server does not have that name"
        if not is_own_page(headers, scope["method"], self._hosts or frozenset({host})):
            return 403, "requests of other sites' pages are refused"
        if scope["path"] == f"{scope.get('root_path', '')}/health":
            return None
        try:
            visitor = await self._sign_in(scope, headers)
        except SegmentryError as error:
            return 500, str(error)
        if visitor is None:
            return 401, "sign in"
        scope[VISITOR] = visitor
        return None

    def _sending(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message.get("headers", [])}
                added = [pair for pair in self._headers if pair[0] not in present]
                message = {**message, "headers": [*message.get("headers", []), *added]}
            await send(message)

        return sending


def _headers(is_framed: bool) -> list[tuple[bytes, bytes]]:
    frames = "'self'" if is_framed else "'none'"
    policy = (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self';"
        " connect-src 'self'; form-action 'self'; base-uri 'none';"
        f" frame-ancestors {frames}"
    )
    return [
        (b"content-security-policy", policy.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"SAMEORIGIN" if is_framed else b"DENY"),
        (b"referrer-policy", b"no-referrer"),
        (b"cross-origin-resource-policy", b"same-origin"),
        # Pages have people's data: no cache of a browser or proxy keeps them.
        (b"cache-control", b"no-store"),
    ]


async def _answer(send: Send, status: int, text: str, *, asks: bool) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    if status == 401 and asks:
        headers.append((b"www-authenticate", b'Basic realm="Segmentry", charset="UTF-8"'))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{text}\n".encode()})
