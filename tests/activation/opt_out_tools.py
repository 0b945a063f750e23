"""The tools that opt-outs are read back from, on loopback: each answers as its documents have it,
page by page, from one list of people who left.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.activation import loopback

Query = Mapping[str, str]
PAGE = 3  # entries of a page, whatever is asked for: each test sees several


@dataclass
class Tool:
    """What a tool knows: who left, and when; others: who bounced, or came back. failures: statuses
    to answer before all else.
    """

    left: dict[str, datetime] = field(default_factory=dict)
    others: dict[str, datetime] = field(default_factory=dict)
    failures: list[int] = field(default_factory=list)
    requests: list[tuple[str, str, Query, Any]] = field(default_factory=list)

    def since(self, at: datetime) -> list[tuple[str, datetime, bool]]:
        """(address, time, whether it is an opt-out) from a time on, the oldest first."""
        every = [(one, when, True) for one, when in self.left.items()]
        every += [(one, when, False) for one, when in self.others.items()]
        return sorted((one for one in every if one[1] >= at), key=lambda one: (one[1], one[0]))


Answer = Callable[[Tool, str, Query, Any, str], Any]


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).replace(tzinfo=None)


def klaviyo(tool: Tool, path: str, query: Query, body: Any, url: str) -> Any:
    assert path == "/api/profiles"
    name, _, rest = query["filter"].partition("(")
    column, _, text = rest.removesuffix(")").partition(",")
    assert (name, column) == (
        "greater-or-equal", "subscriptions.email.marketing.suppression.timestamp"
    )  # fmt: skip
    found = tool.since(_time(text))
    start = int(query.get("page[cursor]", "0"))
    data = [
        {
            "type": "profile",
            "id": f"id-{one}",
            "attributes": {
                "email": one,
                "subscriptions": {
                    "email": {
                        "marketing": {
                            "can_receive_email_marketing": False,
                            "consent": "UNSUBSCRIBED",
                            "suppression": [
                                {
                                    "reason": "UNSUBSCRIBE" if is_left else "HARD_BOUNCE",
                                    "timestamp": f"{at.isoformat()}+00:00",
                                }
                            ],
                        }
                    }
                },
            },
        }
        for one, at, is_left in found[start : start + PAGE]
    ]
    more = start + PAGE < len(found)
    following = f"{url}/api/profiles?filter={query['filter']}&page[cursor]={start + PAGE}"
    return {"data": data, "links": {"next": following if more else None}}


def mailchimp(tool: Tool, path: str, query: Query, body: Any, url: str) -> Any:
    assert path == "/lists/L1/members"
    assert query["status"] == "unsubscribed"
    found = [one for one in tool.since(_time(query["since_last_changed"])) if one[2]]
    start = int(query["offset"])
    page = found[start : start + int(query["count"])]
    return {
        "members": [
            {"email_address": one, "status": "unsubscribed", "last_changed": f"{at.isoformat()}Z"}
            for one, at, _ in page
        ]
    }


def hubspot(tool: Tool, path: str, query: Query, body: Any, url: str) -> Any:
    assert path == "/crm/v3/objects/contacts/search"
    filters = {one["propertyName"]: one["value"] for one in body["filterGroups"][0]["filters"]}
    assert filters["hs_email_optout"] == "true"
    at = datetime.fromtimestamp(int(filters["lastmodifieddate"]) / 1000, UTC).replace(tzinfo=None)
    found = [one for one in tool.since(at) if one[2]]
    start = int(body.get("after", "0"))
    results = [
        {
            "id": f"{start + place}",
            "properties": {
                "email": one,
                "hs_email_optout": "true",
                "lastmodifieddate": f"{when.isoformat()}Z",
            },
        }
        for place, (one, when, _) in enumerate(found[start : start + PAGE])
    ]
    more = start + PAGE < len(found)
    paging = {"paging": {"next": {"after": str(start + PAGE)}}} if more else {}
    return {"total": len(found), "results": results, **paging}


def braze(tool: Tool, path: str, query: Query, body: Any, url: str) -> Any:
    assert path == "/email/unsubscribes"
    end = datetime.fromisoformat(query["end_date"])
    found = [
        one
        for one in tool.since(datetime.fromisoformat(query["start_date"]))
        if one[2] and one[1] < end
    ]
    start = int(query["offset"])
    page = found[start : start + int(query["limit"])]
    return {
        "message": "success",
        "emails": [
            {"email": one, "unsubscribed_at": f"{at:%Y-%m-%d %H:%M:%S} +0000"}
            for one, at, _ in page
        ],
    }


def iterable(tool: Tool, path: str, query: Query, body: Any, url: str) -> Any:
    assert path == "/api/export/data.json"
    begin = datetime.fromisoformat(query["startDateTime"])
    kind = query["dataTypeName"]
    lines = [
        json.dumps({"email": one, "createdAt": f"{at:%Y-%m-%d %H:%M:%S} +00:00", "campaignId": 7})
        for place, (one, at, is_left) in enumerate(tool.since(begin))
        if is_left and (kind == "emailUnSubscribe") == (place % 2 == 0)
    ]
    return "\n".join(lines)


def sendgrid(tool: Tool, path: str, query: Query, body: Any, url: str) -> Any:
    at = datetime.fromtimestamp(int(query["start_time"]), UTC).replace(tzinfo=None)
    wanted = {"/v3/suppression/unsubscribes": 0, "/v3/suppression/spam_reports": 1}[path]
    found = [
        {"email": one, "created": int(when.replace(tzinfo=UTC).timestamp())}
        for place, (one, when, is_left) in enumerate(reversed(tool.since(at)))
        if is_left and place % 2 == wanted
    ]
    start = int(query["offset"])
    return found[start : start + int(query["limit"])]


def customer_io(tool: Tool, path: str, query: Query, body: Any, url: str) -> Any:
    assert path == "/v1/customers"
    assert body["filter"]["attribute"]["field"] == "unsubscribed"
    found = sorted(tool.left)
    start = int(query.get("start", "0"))
    page = found[start : start + PAGE]
    more = start + PAGE < len(found)
    return {
        "identifiers": [{"cio_id": f"c{one}", "id": f"i{one}", "email": one} for one in page],
        "next": str(start + PAGE) if more else "",
    }


ANSWERS: dict[str, Answer] = {
    "klaviyo": klaviyo, "mailchimp": mailchimp, "hubspot": hubspot, "braze": braze,
    "iterable": iterable, "sendgrid": sendgrid, "customer_io": customer_io,
}  # fmt: skip


@contextmanager
def serving(name: str, tool: Tool) -> Iterator[str]:
    """The address of the tool."""
    answer = ANSWERS[name]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            size = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            tool.requests.append((self.command, parts.path, query, body))
            if tool.failures:
                self._send(tool.failures.pop(0), {"message": "not now"})
                return
            url = f"http://{self.headers['host']}"
            self._send(200, answer(tool, parts.path, query, body, url))

        def do_POST(self) -> None:
            self.do_GET()

        def _send(self, status: int, content: Any) -> None:
            text = content if isinstance(content, str) else json.dumps(content)
            self.send_response(status)
            if status == 429:
                self.send_header("retry-after", "0")
            self.send_header("content-length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            pass

    with loopback.serving(Handler) as address:
        yield address
