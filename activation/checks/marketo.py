"""Marketo: a static list, and the fields of people. It answers with status 200, refusals too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from activation.checks._base import (
    BOOLEAN,
    DATE,
    NUMBER,
    TEXT,
    Audience,
    DestinationCheck,
    NoSuchAudience,
)
from activation.destination import DestinationSession
from activation.destinations.marketo import http
from activation.redact import clean
from segmentry.errors import DestinationError

_KINDS = {
    "boolean": BOOLEAN, "date": DATE, "datetime": DATE,
    **dict.fromkeys(("integer", "float", "currency", "percent", "score"), NUMBER),
    **dict.fromkeys(("string", "email", "phone", "text", "url"), TEXT),
}  # fmt: skip


class MarketoCheck(DestinationCheck):
    """One static list. It is made in Marketo, in a folder."""

    dry_answer: ClassVar[Any] = {"success": True, "result": [{"id": 1, "status": "created"}]}

    def audience(self, session: DestinationSession) -> Audience:
        """The list; the answer for one that does not exist is empty."""
        found = _asked(session, f"/rest/v1/lists/{session.connection['list_id']}.json")
        if not found:
            raise NoSuchAudience
        return Audience(str(found[0]["name"]))

    def fields(self, session: DestinationSession) -> Mapping[str, str]:
        """Fields of people by the names of the REST API."""
        return {
            str(one["rest"]["name"]): _KINDS.get(str(one.get("dataType")), "other")
            for one in _asked(session, "/rest/v1/leads/describe.json")
            if "rest" in one
        }


def _asked(session: DestinationSession, path: str) -> list[dict[str, Any]]:
    answer = http(session).json("GET", path)
    if answer.get("success"):
        return list(answer.get("result") or [])
    code = clean((answer.get("errors") or [{}])[0].get("code", "unknown"))
    raise DestinationError(
        f"Marketo refused to be asked with code {code}",
        allowed="an API user that may read lists and fields",
        remedy="look the code up in Marketo's documentation; check the API user's rights",
    )


CHECK = MarketoCheck()
