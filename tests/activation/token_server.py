"""A token server and a tool on loopback, for as long as a test needs them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl

from tests.activation.loopback import serving


class TokenServer:
    """Gives tokens ``t-1``, ``t-2``, ... at /token, and takes those that are valid elsewhere.

    expires_in: of each token. rotates: whether each refresh replaces the refresh token. refusal:
    what /token answers instead. date: of its answers, in seconds since 1970. valid: tokens that the
    tool takes. asked: forms that /token got. calls: statuses of the tool's answers.
    """

    def __init__(self) -> None:
        self.expires_in: int | None = 3600
        self.rotates = False
        self.refusal: tuple[int, dict[str, str]] | None = None
        self.refresh_token = "r-0"
        self.date: float | None = None
        self.valid: set[str] = set()
        self.asked: list[dict[str, str]] = []
        self.calls: list[int] = []
        self.url = ""
        self._lock = threading.Lock()

    def token(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """The answer to a request for a token."""
        with self._lock:
            self.asked.append(form)
            if self.refusal:
                return self.refusal
            if form.get("grant_type") == "refresh_token":
                if form["refresh_token"] != self.refresh_token:
                    return 400, {"error": "invalid_grant"}
                if self.rotates:
                    self.refresh_token = f"r-{len(self.asked)}"
            token = f"t-{len(self.asked)}"
            self.valid.add(token)
            answer: dict[str, Any] = {"access_token": token, "token_type": "bearer"}
            answer |= {"expires_in": self.expires_in} if self.expires_in is not None else {}
            answer |= {"refresh_token": self.refresh_token} if self.rotates else {}
            return 200, answer


@contextmanager
def token_server() -> Iterator[TokenServer]:
    """The server, with its address as url."""
    server = TokenServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
            if self.path == "/token":
                self._answer(*server.token(dict(parse_qsl(body))))
                return
            token = (self.headers.get("authorization") or "").removeprefix("Bearer ")
            status = 200 if token in server.valid else 401
            server.calls.append(status)
            self._answer(status, {})

        def date_time_string(self, timestamp: float | None = None) -> str:
            return formatdate(timestamp or server.date, usegmt=True)

        def _answer(self, status: int, content: dict[str, Any]) -> None:
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: object) -> None: ...

    with serving(Handler) as url:
        server.url = url
        yield server
