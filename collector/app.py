"""The ASGI application: the Segment tracking API and what its browser clients ask first."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import orjson

from collector import records
from collector.journal import Journal
from collector.keys import CollectorRules
from collector.records import BadRequest

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_CALLS = ("track", "identify", "page", "screen", "group", "alias", "batch")
# Paths of the tracking API after /v1/, with the short ones of the browser client.
CALLS = {**{name: name for name in _CALLS}, **{name[0]: name for name in _CALLS}, "import": "batch"}
PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class HttpReply:
    """A response: status, body and its content type."""

    status: int
    body: bytes
    kind: str = "application/json"


class Collector:
    """The application over one journal; it closes the journal when the server ends."""

    def __init__(self, rules: CollectorRules, journal: Journal) -> None:
        self._rules = rules
        self._journal = journal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of ASGI."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
            try:
                answer = await self._answer(scope, headers, receive)
            except BadRequest as refusal:
                _log.warning("refused with %d: %s", refusal.status, refusal.reason)
                answer = _json({"success": False, "message": refusal.reason}, refusal.status)
            await _send(answer, self._cors(headers.get("origin", "")), send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await asyncio.to_thread(self._journal.close)
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return

    async def _answer(self, scope: Scope, headers: dict[str, str], receive: Receive) -> HttpReply:
        path = scope["path"].strip("/")
        method = scope["method"]
        if path == "healthz":
            return _json({"status": "ok"})
        if method == "OPTIONS":
            return HttpReply(204, b"")
        query = {k: v[0] for k, v in parse_qs(scope["query_string"].decode("latin-1")).items()}
        if method == "GET" and path.startswith("v1/pixel/"):
            content = records.of_pixel(query.get("data", ""))
            await self._take(content, _call(path.removeprefix("v1/pixel/")), scope, headers, query)
            return HttpReply(200, PIXEL, "image/gif")
        if method == "GET":
            return self._settings(path, scope, headers, query)
        if method != "POST":
            raise BadRequest(405, "the method is not GET, POST or OPTIONS")
        call = _call(path.removeprefix("v1/"))
        content = await self._body(headers, receive)
        await self._take(content, call, scope, headers, query)
        return _json({"success": True})

    def _settings(
        self, path: str, scope: Scope, headers: dict[str, str], query: dict[str, str]
    ) -> HttpReply:
        parts = path.split("/")
        if path == "sourceConfig":
            key = self._key({}, headers, query)
            return _json(_rudder_settings(key))
        if len(parts) == 4 and parts[:2] == ["v1", "projects"] and parts[3] == "settings":
            key = self._permitted(parts[2], headers)
            host = {"apiHost": f"{headers.get('host', '')}/v1", "protocol": scope["scheme"]}
            return _json({"integrations": {"Segment.io": {"apiKey": key, **host}}, "plan": {}})
        raise BadRequest(404, "there is nothing at this path")

    async def _body(self, headers: dict[str, str], receive: Receive) -> bytes:
        most = self._rules.most_bytes
        content = b""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise BadRequest(400, "the client left before the body was complete")
            content += message.get("body", b"")
            more = message.get("more_body", False)
            if len(content) > most:
                raise BadRequest(413, f"the body has more than {most} bytes")
        return records.unpacked(content, most)

    async def _take(
        self,
        content: bytes,
        call: str,
        scope: Scope,
        headers: dict[str, str],
        query: dict[str, str],
    ) -> None:
        try:
            body = records.parsed(content)
        except BadRequest as refusal:
            # Kept only of a client that knows a key: others could fill the quarantine.
            self._key({}, headers, query)
            await self._write(records.malformed_line(content))
            raise refusal from None
        self._key(body, headers, query)
        peer = (scope.get("client") or ("",))[0] if headers.get("origin") else ""
        try:
            lines = records.lines(body, call, self._rules, peer)
        except BadRequest as refusal:
            await self._write(records.malformed_line(content))
            raise refusal from None
        if lines:
            await self._write(lines)

    async def _write(self, lines: bytes) -> None:
        try:
            await asyncio.wrap_future(self._journal.append(lines))
        except OSError:
            raise BadRequest(
                503, "the disk takes no more: send the same request again later"
            ) from None

    def _key(self, body: dict[str, Any], headers: dict[str, str], query: dict[str, str]) -> str:
        given = _basic(headers.get("authorization", "")) or query.get("writeKey")
        return self._permitted(given or body.get("writeKey"), headers)

    def _permitted(self, key: Any, headers: dict[str, str]) -> str:
        origins = self._rules.origins.get(key) if isinstance(key, str) else None
        if origins is None:
            raise BadRequest(401, "write key missing or unknown: see config/collector.yml")
        origin = headers.get("origin")
        if origin and "*" not in origins and origin not in origins:
            raise BadRequest(403, "the write key does not permit this origin")
        return str(key)

    def _cors(self, origin: str) -> list[tuple[bytes, bytes]]:
        if not origin or not self._rules.is_known_origin(origin):
            return []
        return [
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
            (b"access-control-allow-headers", b"authorization, content-type, anonymousid"),
            (b"access-control-max-age", b"86400"),
            (b"vary", b"origin"),
        ]


def _call(name: str) -> str:
    if name not in CALLS:
        raise BadRequest(404, "there is nothing at this path")
    return CALLS[name]


def _basic(header: str) -> str:
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value).decode("utf-8").partition(":")[0]
    except ValueError:
        return ""


def _rudder_settings(key: str) -> dict[str, Any]:
    source = {
        "id": "segmentry", "name": "segmentry", "writeKey": key, "workspaceId": "segmentry",
        "enabled": True, "config": {"statsCollection": {}}, "destinations": [], "dataplanes": {},
    }  # fmt: skip
    return {"source": source, "updatedAt": "2020-01-01T00:00:00.000Z"}


def _json(content: dict[str, Any], status: int = 200) -> HttpReply:
    return HttpReply(status, orjson.dumps(content))


async def _send(answer: HttpReply, extra: list[tuple[bytes, bytes]], send: Send) -> None:
    headers = [
        (b"content-type", answer.kind.encode()),
        (b"content-length", str(len(answer.body)).encode()),
        (b"cache-control", b"no-store"),
        *extra,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
