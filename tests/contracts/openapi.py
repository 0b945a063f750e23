"""Requests and answers of httpx in the form that openapi-core reads."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
from openapi_core.datatypes import RequestParameters
from werkzeug.datastructures import Headers, ImmutableMultiDict


class HttpxRequest:
    """One request."""

    def __init__(self, request: httpx.Request) -> None:
        parts = urlsplit(str(request.url))
        self.host_url = f"{parts.scheme}://{parts.netloc}"
        self.path = parts.path
        self.method = request.method.lower()
        self.body: bytes | None = request.content or None
        self.content_type = request.headers.get("content-type", "application/json")
        query: Any = ImmutableMultiDict(parse_qsl(parts.query))
        self.parameters = RequestParameters(
            query=query, header=Headers(dict(request.headers)), cookie=ImmutableMultiDict()
        )


class HttpxResponse:
    """One answer."""

    def __init__(self, response: httpx.Response) -> None:
        self.data: bytes | None = response.content
        self.status_code = response.status_code
        self.content_type = response.headers.get("content-type", "application/json")
        self.headers = Headers(dict(response.headers))
