"""A session whose requests are recorded: kept from leaving, or sent and shown with the answers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from activation import masking
from activation.client import Client, Rate
from activation.destination import CREDENTIALS, DestinationSession
from activation.tokens.flows import SignIn

_LONGEST = 4_000  # characters of a body that are shown
_LONGEST_PAUSE = 0.5  # seconds between attempts: an operator waits for the answer
_SECRETS = frozenset({*CREDENTIALS, "write_key", "key_id"} - {"token_url", "audience", "username"})


@dataclass(frozen=True)
class SeenRequest:
    """A request and its answer. status: of the answer, or why there is none. answer: its body as it
    came; '' without one.
    """

    method: str
    address: str
    headers: Mapping[str, str]
    body: str
    status: str = ""
    answer: str = field(default="", repr=False)


@dataclass
class Tap(httpx.BaseTransport):
    """Records requests. inner: what sends them; None to send nothing and answer by dry_answer."""

    inner: httpx.BaseTransport | None = None
    dry_answer: Any = None
    seen: list[SeenRequest] = field(default_factory=list)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Record the request, then answer it."""
        request.read()
        shown = SeenRequest(
            request.method,
            str(request.url),
            masking.headers(request.headers),
            _body(request.content.decode(errors="replace")),
        )
        if self.inner is None:
            self.seen.append(shown)
            return httpx.Response(200, json=self.dry_answer or {})
        try:
            response = self.inner.handle_request(request)
            response.read()
        except httpx.TransportError as error:
            self.seen.append(_answered(shown, f"no answer: {type(error).__name__}"))
            raise
        self.seen.append(_answered(shown, f"status {response.status_code}", response.text))
        return response

    def close(self) -> None:
        """Close what sends."""
        if self.inner is not None:
            self.inner.close()


@dataclass(frozen=True)
class AskingSession(DestinationSession):
    """A session for an operator who waits: a silent tool is given up after seconds."""

    def http(self, headers: Mapping[str, str], rate: Rate | None, **parts: Any) -> Client:
        """The client, which waits less between attempts."""
        return super().http(headers, rate, **{"sleep": _pause, **parts})


@dataclass(frozen=True)
class RecordingSession(AskingSession):
    """A session whose requests go through a tap."""

    tap: Tap = field(default_factory=Tap)

    def http(self, headers: Mapping[str, str], rate: Rate | None, **parts: Any) -> Client:
        """The client, behind the tap."""
        return super().http(headers, rate, transport=self.tap, **parts)

    def signed_http(self, sign_in: SignIn, rate: Rate | None, **parts: Any) -> Client:
        """The same; a request that does not leave needs no token."""
        if self.tap.inner is not None:
            return super().signed_http(sign_in, rate, **parts)
        return self.http({"authorization": "Bearer"}, rate, **parts)


class NoAccounts:
    """Of requests that do not leave: no rate, no breaker."""

    def wait(self, account: str, rate: Rate | None, sleep: Callable[[float], None]) -> None:
        """Nothing to wait for."""

    def failed(self, account: str) -> None:
        """Nothing to count."""

    def succeeded(self, account: str) -> None:
        """Nothing to forget."""


def secrets_of(connection: Mapping[str, str]) -> list[str]:
    """The values of a connection that are shown nowhere."""
    return [value for name, value in connection.items() if name in _SECRETS]


def _body(text: str) -> str:
    with suppress(ValueError):
        text = json.dumps(json.loads(text), ensure_ascii=False, indent=1)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + masking.HIDDEN


def _answered(request: SeenRequest, status: str, body: str = "") -> SeenRequest:
    return replace(request, status=status, answer=_body(body))


def _pause(seconds: float) -> None:
    time.sleep(min(seconds, _LONGEST_PAUSE))
