"""The console in Airflow's navigation, for the people that Airflow's auth manager lets in.

Airflow does not protect the end points of plugins, so each request is signed in here, by the token
that Airflow's own pages use.
"""

from __future__ import annotations

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from console.access import ConsoleVisitor

PREFIX = "/segmentry"


async def sign_in(_: Mapping[str, Any], headers: Mapping[str, str]) -> ConsoleVisitor | None:
    """The visitor that Airflow knows by its cookie or bearer token; None where it knows nobody, or
    may not show its website to them.
    """
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
    from airflow.api_fastapi.core_api.security import resolve_user_from_token
    from fastapi import HTTPException

    from console.access import ConsoleVisitor, Role

    try:
        user = await resolve_user_from_token(_token(headers))
    except HTTPException:
        return None
    manager = get_auth_manager()
    if not manager.is_authorized_view(access_view=AccessView.WEBSITE, user=user):
        return None
    role = Role.viewer
    if manager.is_authorized_connection(method="PUT", user=user):
        role = Role.engineer
    elif manager.is_authorized_dag(method="PUT", user=user):
        role = Role.analyst
    return ConsoleVisitor(user.get_name(), role)


def _token(headers: Mapping[str, str]) -> str | None:
    from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN

    kind, _, given = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return given.strip()
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE_NAME_JWT_TOKEN)
    except CookieError:
        return None
    return cookie.value if cookie else None


class LazyConsole:
    """The console, built at its first request: every program of Airflow imports its plugins."""

    def __init__(self) -> None:
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of ASGI."""
        if self._app is None:
            from console.app import application
            from segmentry.settings import Settings

            self._app = application(Settings.from_environment(), sign_in, is_framed=True)
        await self._app(scope, receive, send)


class SegmentryConsole(AirflowPlugin):
    """Registers the console with Airflow."""

    name = "segmentry_console"
    fastapi_apps = [  # noqa: RUF012  # as Airflow's base class has it
        {"app": LazyConsole(), "url_prefix": PREFIX, "name": "Segmentry"}
    ]
    external_views = [  # noqa: RUF012
        {
            "name": "Segmentry",
            "href": f"{PREFIX.strip('/')}/segments",
            "destination": "nav",
            "url_route": "segmentry-console",
        }
    ]
