"""What a refused request is answered with. No answer and no log repeats an identifier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

JSON = "application/json"
# What a caller uses where an answer is missing: nobody is in a segment, nothing is permitted.
FALLBACK: Mapping[str, Any] = {
    "purposes": {}, "consent": {}, "segments": [], "traits": {}, "scores": {}, "is_fallback": True,
}  # fmt: skip


class ApiFault(Exception):
    """A refusal: its status, what was received, what is allowed, what to do."""

    def __init__(
        self,
        status: int,
        received: str,
        allowed: str = "",
        to_do: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(received)
        self.status = status
        self.received = received
        self.allowed = allowed
        self.to_do = to_do
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The answer. One that is late has the fallback too."""
        content: dict[str, Any] = {
            "error": {"received": self.received, "allowed": self.allowed, "to_do": self.to_do}
        }
        if self.status == 503:
            content["fallback"] = FALLBACK
        return answer(content, self.status, self.headers)


def answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A response of JSON that no shared cache keeps."""
    return Response(
        orjson.dumps(content),
        status,
        {"cache-control": "private, no-cache", **(headers or {})},
        JSON,
    )


def late() -> ApiFault:
    """The store did not answer within the time limit."""
    return ApiFault(
        503,
        "the answer took longer than the time limit",
        "time_limit in config/api.yml",
        "use the fallback now, and ask again",
        {"retry-after": "1"},
    )
