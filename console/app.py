"""The console as an ASGI application: pages discovered by folder, behind their guard."""

from __future__ import annotations

import hmac
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote

from console import access, render
from console.access import ConsoleVisitor, SignIn
from console.asked import (
    Asked,
    ConsolePage,
    ConsoleRoute,
    HtmlAnswer,
    NotPermitted,
    PageAnswer,
    Redirection,
)
from console.guard import VISITOR, ConsoleGuard
from segmentry import discovery, faults
from segmentry.errors import NotReadyError, SegmentryError, UsageError
from segmentry.redaction import without_values
from segmentry.settings import Settings

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

# A rule, its name and its owner fit in a fraction of it.
MOST_FORM_BYTES = 64 * 1024


def pages() -> list[ConsolePage]:
    """The pages of console/pages, in the order of the navigation."""
    found = discovery.members("console.pages", "PAGE", ConsolePage)
    return sorted(found.values(), key=lambda page: page.place)


def application(
    settings: Settings,
    sign_in: SignIn,
    hosts: frozenset[str] | None = None,
    *,
    is_framed: bool = False,
) -> ASGIApp:
    """The console for one home. hosts, is_framed: as ``console.guard`` has them."""
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse, RedirectResponse
    from starlette.routing import Mount, Route
    from starlette.staticfiles import StaticFiles

    listed = pages()

    async def health(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def first(request: Request) -> Response:
        return RedirectResponse(f"{_root(request)}{listed[0].href}", 303)

    routes: list[BaseRoute] = [
        Route("/", first),
        Route("/health", health),
        Mount("/static", StaticFiles(directory=render.FOLDER / "static"), name="static"),
        *(
            Route(route.path, _endpoint(settings, listed, page, route), methods=[route.method])
            for page in listed
            for route in page.routes
        ),
    ]

    async def unknown(request: Request, _: Exception) -> Response:
        error = UsageError(
            "there is no page at this address",
            allowed="the pages of the navigation",
            remedy="choose one of them",
        )
        return _notice(_Frame(settings, listed, request), error, 404)

    app = Starlette(routes=routes, exception_handlers={404: unknown, 405: unknown})
    return ConsoleGuard(app, sign_in, hosts, is_framed=is_framed)


class _Frame:
    """What is around the content of every page: navigation, visitor, clock."""

    def __init__(
        self,
        settings: Settings,
        listed: list[ConsolePage],
        request: Request,
        current: ConsolePage | None = None,
    ) -> None:
        self.settings = settings
        self.visitor: ConsoleVisitor = request.scope[VISITOR]
        self.values: dict[str, Any] = {
            "root": _root(request),
            "pages": listed,
            "current": current,
            "visitor": self.visitor,
            "csrf": access.form_token(settings, self.visitor),
            "as_of": None,
        }

    def render(self, answer: HtmlAnswer) -> Response:
        from starlette.responses import HTMLResponse

        text = render.html(answer.template, {**self.values, **answer.values})
        return HTMLResponse(text, answer.status)


def _root(request: Request) -> str:
    return str(request.scope.get("root_path", "")).rstrip("/")


def _endpoint(
    settings: Settings, listed: list[ConsolePage], page: ConsolePage, route: ConsoleRoute
) -> Any:
    from starlette.concurrency import run_in_threadpool

    async def endpoint(request: Request) -> Response:
        started = time.perf_counter()
        frame = _Frame(settings, listed, request, page)
        form = await _form(request) if route.method == "POST" else {}
        response = await run_in_threadpool(_answered, frame, route, request, form)
        spent = (time.perf_counter() - started) * 1000
        response.headers["server-timing"] = f"page;dur={spent:.1f}"
        return response

    return endpoint


async def _form(request: Request) -> dict[str, list[str]] | None:
    """The fields of a posted form; None for one that is too large or no text."""
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > MOST_FORM_BYTES:
            return None
    try:
        return parse_qs(content.decode(), keep_blank_values=True, max_num_fields=500)
    except ValueError:
        return None


def _answered(
    frame: _Frame, route: ConsoleRoute, request: Request, form: Mapping[str, list[str]] | None
) -> Response:
    query = dict(request.query_params)
    asked = Asked(frame.settings, frame.visitor, request.path_params, query, form or {})
    with asked.closing:
        try:
            asked.require(route.role, "use this page")
            if route.method == "POST":
                _check_form(frame, form)
            answer = route.function(asked)
            if asked.has_home and isinstance(answer, HtmlAnswer):
                frame.values["as_of"] = asked.as_of
            return _response(frame, answer)
        except SegmentryError as error:
            return _notice(frame, error, _status(error))
        except Exception as error:  # a page never shows what an exception quotes
            return _notice(frame, _explained(frame.settings, error), 503)


def _check_form(frame: _Frame, form: Mapping[str, list[str]] | None) -> None:
    given = (form or {}).get("csrf", [""])[0]
    if not hmac.compare_digest(given.encode(), str(frame.values["csrf"]).encode()):
        raise NotPermitted(
            "the form does not carry this console's word, or is too large",
            allowed="a form of this console, sent by the visitor it was shown to",
            remedy="open the page again, and send its form",
        )


def _response(frame: _Frame, answer: PageAnswer) -> Response:
    from starlette.responses import RedirectResponse
    from starlette.responses import Response as Plain

    if isinstance(answer, HtmlAnswer):
        return frame.render(answer)
    if isinstance(answer, Redirection):
        return RedirectResponse(f"{frame.values['root']}{answer.href}", 303)
    place = "inline" if answer.is_shown else "attachment"
    return Plain(
        answer.content,
        media_type=answer.kind,
        headers={"content-disposition": f"{place}; filename*=UTF-8''{quote(answer.name)}"},
    )


def _status(error: SegmentryError) -> int:
    if isinstance(error, NotPermitted):
        return 403
    if isinstance(error, NotReadyError):
        return 200  # nothing is wrong: nothing has been built yet
    return 400 if isinstance(error, UsageError) else 503


def _explained(settings: Settings, error: Exception) -> SegmentryError:
    import duckdb
    import sqlalchemy as sa

    if full := faults.disk_full(error):
        return full
    if isinstance(error, duckdb.Error | sa.exc.SQLAlchemyError | OSError):
        return SegmentryError(
            f"the home cannot be read: {without_values(str(error))[:300]}",
            allowed="a lake and a ledger that this user may read, and that no other program locks",
            remedy="see `segmentry doctor`; a run that is at work may lock them for a short time",
        )
    place = settings.home / "logs" / "console.traceback.txt"
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(faults.frames(error), encoding="utf-8")
    return SegmentryError(
        f"this page ended with an unexpected {type(error).__name__}",
        remedy="report it with the file logs/console.traceback.txt of the home",
    )


def _notice(frame: _Frame, error: SegmentryError, status: int) -> Response:
    return frame.render(HtmlAnswer("notice.html", {"error": error}, status))
