"""GET /v1/changes: entries and exits as they come, as server-sent events or by WebSocket.

Each has an id. Who comes back with the last id that they saw gets everything after it; if that is
not kept any more, an event `reset` asks them to read their profiles again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import orjson
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from api.faults import ApiFault
from api.guard import admitted, guarded, service
from api.rules import Caller
from api.service import ApiService
from live.store.records import LEFT, MembershipChange

_PAUSE = 0.2  # seconds between looks at the store
_BEAT = 15.0  # seconds after which a silent connection gets a sign of life
_PAGE = 500
RESET = "reset"


class PushedEvent(NamedTuple):
    """One event. kind: entered, left, reset, or '' for a sign of life."""

    cursor: str
    kind: str
    content: dict[str, Any]


async def stream(request: Request, caller: Caller) -> Response:
    """Server-sent events, as the HTML standard has them."""
    _check(caller)
    events = _events(request, caller)
    first = await anext(events)  # a store that cannot be read is a status, not an empty stream
    return StreamingResponse(
        _lines(first, events),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


async def _lines(first: PushedEvent, events: AsyncIterator[PushedEvent]) -> AsyncIterator[bytes]:
    yield _line(first)
    try:
        async for event in events:
            yield _line(event)
    except ApiFault:  # the status is sent already: the client comes back with its last id
        return


def _line(event: PushedEvent) -> bytes:
    if not event.kind:
        return f"id: {event.cursor}\n: alive\n\n".encode() if event.cursor else b": alive\n\n"
    content = orjson.dumps(event.content)
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (
        event.cursor.encode(), event.kind.encode(), content,
    )  # fmt: skip


async def socket(websocket: WebSocket) -> None:
    """The same events, each a text of JSON with its id and event."""
    try:
        caller = admitted(websocket)
        _check(caller)
    except ApiFault as fault:
        await websocket.close(1008, fault.received)
        return
    await websocket.accept()
    reader = asyncio.create_task(_until_left(websocket))
    try:
        async for event in _events(websocket, caller):
            if reader.done():
                return
            sent = {"id": event.cursor, "event": event.kind or "alive", **event.content}
            await websocket.send_text(orjson.dumps(sent).decode())
    except (ApiFault, WebSocketDisconnect, RuntimeError):
        return
    finally:
        reader.cancel()


async def _until_left(websocket: WebSocket) -> None:
    try:
        while True:
            await websocket.receive_text()
    except (WebSocketDisconnect, RuntimeError, KeyError):
        return


def _check(caller: Caller) -> None:
    if not caller.may_follow:
        raise ApiFault(
            403,
            f"the token '{caller.name}' may not follow changes",
            "a token with changes: true in config/api.yml",
            "add it to a token that no page contains",
        )


async def _events(connection: HTTPConnection, caller: Caller) -> AsyncIterator[PushedEvent]:
    """The events behind the last id that the client saw; without one, from now on."""
    known = service(connection)
    seen: str | None = connection.headers.get("last-event-id") or connection.query_params.get(
        "last_event_id"
    )
    cursor = await known.ask(known.store.newest) if seen is None else seen
    yield PushedEvent("" if seen else cursor, "", {})
    loop = asyncio.get_running_loop()
    spoken = loop.time()
    while True:
        found = await known.ask(known.store.changes, cursor, _PAGE)
        if found is None:
            cursor = await known.ask(known.store.newest)
            yield PushedEvent(cursor, RESET, {"to_do": "read the profiles that you keep again"})
            spoken = loop.time()
            continue
        for event in await _permitted(known, caller, found):
            yield event
            spoken = loop.time()
        cursor = found[-1].cursor if found else cursor
        if len(found) < _PAGE:
            await asyncio.sleep(_PAUSE)
        if loop.time() - spoken > _BEAT:
            yield PushedEvent("", "", {})
            spoken = loop.time()


async def _permitted(
    known: ApiService, caller: Caller, changes: list[MembershipChange]
) -> list[PushedEvent]:
    """An exit is always passed on; an entry only with consent to a use of the caller."""
    if not changes:
        return []
    people = sorted({change.profile_id for change in changes})
    profiles = await known.find([("profile_id", one) for one in people])
    consenting = {
        item.profile_id
        for item in profiles
        if item is not None and any(known.permitted(caller, item).values())
    }
    return [
        PushedEvent(
            change.cursor,
            change.change,
            {
                "profile_id": change.profile_id,
                "segment": change.segment,
                "version": change.version._asdict(),
            },
        )
        for change in changes
        if change.change == LEFT or change.profile_id in consenting
    ]


ROUTES = [
    Route("/v1/changes", guarded(stream), methods=["GET"]),
    WebSocketRoute("/v1/changes", socket),
]
DOCUMENT: dict[str, Any] = {
    "/v1/changes": {
        "get": {
            "summary": "Entries and exits of all profiles, as server-sent events or by WebSocket",
            "parameters": [
                {
                    "name": "Last-Event-ID",
                    "in": "header",
                    "required": False,
                    "description": "the last id seen; or last_event_id in the query",
                    "schema": {"type": "string"},
                }
            ],
            "responses": {"200": "text/event-stream"},
        }
    }
}
