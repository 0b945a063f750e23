"""Ends that go wrong by a script: throttles, outages, lost answers, halves, repetitions, late jobs,
false counts.

Each keeps what has really arrived, so that a test can compare it with what was wanted. When the
script is used up the end behaves.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

# What any end may do to a request. The first word is its outcome, whatever is answered.
WAYS = (
    "ok",
    "nothing: 429",
    "nothing: 429 at once",
    "nothing: 429 in an hour",
    "nothing: 500",
    "nothing: 502 page",
    "nothing: 503",
    "nothing: refused connection",
    "nothing: reset",
    "nothing: timeout",
    "taken: timeout",
    "taken: reset",
    "taken: 500",
    "taken: cut answer",
    "half: 503",
    "half: reset",
    "twice: ok",
)
_RAISED = {
    "refused connection": httpx.ConnectError,
    "reset": httpx.RemoteProtocolError,
    "timeout": httpx.ReadTimeout,
}
_WAITS = {"429 at once": {"retry-after": "0"}, "429 in an hour": {"retry-after": "3600"}}


@dataclass
class End:
    """A vendor's account. refused: keys of people who opted out; each of them that arrives is a
    violation.
    """

    script: list[str] = field(default_factory=list)
    people: dict[str, Any] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    violations: list[str] = field(default_factory=list)
    arrivals: Counter[str] = field(default_factory=Counter)
    used: Counter[str] = field(default_factory=Counter)
    requests: int = 0

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.handle)

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        way = self.script.pop(0) if self.script else "ok"
        self.used[way] += 1
        taken, _, reply = way.partition(": ")
        rows = self.rows_of(request)
        answer = httpx.Response(200, json={})
        for share in {"nothing": [], "half": [rows[: len(rows) // 2]], "twice": [rows, rows]}.get(
            taken, [rows]
        ):
            answer = self.accept(request, share)
        return self._reply(request, reply, answer)

    def _reply(self, request: httpx.Request, reply: str, answer: httpx.Response) -> httpx.Response:
        if reply in _RAISED:
            raise _RAISED[reply]("as the script demands", request=request)
        if reply.startswith("429"):
            return httpx.Response(429, headers=_WAITS.get(reply, {}))
        if reply == "cut answer":
            return httpx.Response(answer.status_code, content=b'{"data": [{"id": ')
        if reply and reply != "ok":
            page = {"content-type": "text/html"}
            return httpx.Response(int(reply[:3]), content=b"<html>Bad gateway</html>", headers=page)
        return answer

    def arrive(self, key: str, values: Any) -> None:
        if key in self.refused:
            self.violations.append(f"{key} arrived")
        self.people[key] = values
        self.arrivals[key] += 1

    def let_time_pass(self) -> None:
        """What was taken and is still at work comes to its end."""

    def rows_of(self, request: httpx.Request) -> list[Any]:
        raise NotImplementedError

    def accept(self, request: httpx.Request, rows: list[Any]) -> httpx.Response:
        raise NotImplementedError


class HostileWebhook(End):
    """A receiver of one's own; it may also refuse one row of a request for now."""

    ways = (*WAYS, "partly")

    def rows_of(self, request: httpx.Request) -> list[Any]:
        return list(json.loads(request.content)["data"]["rows"])

    def handle(self, request: httpx.Request) -> httpx.Response:
        rows = self.rows_of(request)
        if not self.script or self.script[0] != "partly":
            return super().handle(request)
        self.used[self.script.pop(0)] += 1
        self.accept(request, rows[1:])
        result = {
            "row_key": rows[0]["row_key"],
            "status": "error",
            "retryable": True,
            "message": "later",
        }
        return httpx.Response(200, json={"results": [result]})

    def accept(self, request: httpx.Request, rows: list[Any]) -> httpx.Response:
        for row in rows:
            if row["operation"] == "remove":
                self.people.pop(row["key"], None)
            else:
                self.arrive(row["key"], row["values"])
        return httpx.Response(200, json={})


@dataclass
class HostileSlack(End):
    """Takes each notice as new. posting: returns the people that the present call names."""

    ways = (*WAYS, "nothing: ratelimited")
    posting: Callable[[], list[str]] = list

    def rows_of(self, request: httpx.Request) -> list[Any]:
        return self.posting()

    def accept(self, request: httpx.Request, rows: list[Any]) -> httpx.Response:
        for key in rows:
            self.arrive(key, True)
        return httpx.Response(200, json={"ok": True})

    def _reply(self, request: httpx.Request, reply: str, answer: httpx.Response) -> httpx.Response:
        if reply == "ratelimited":
            return httpx.Response(200, json={"ok": False, "error": "ratelimited"})
        return super()._reply(request, reply, answer)


@dataclass
class HostileKlaviyo(End):
    """Takes imports as jobs that end when they like, in any order, and may count what is not so."""

    ways = (*WAYS, *("late",) * 3, "forgets", "cancels", "counts wrong", "counts less")
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)

    def handle(self, request: httpx.Request) -> httpx.Response:
        if self.script and self.script[0] in (
            "late",
            "forgets",
            "cancels",
            "counts wrong",
            "counts less",
        ):
            found = re.fullmatch(
                r"/api/profile-bulk-import-jobs/(job\d+)", urlsplit(str(request.url)).path
            )
            way = self.script.pop(0)
            self.used[way] += 1
            if found and found.group(1) in self.jobs:
                self.requests += 1
                return self._fail_job(found.group(1), way)
        return super().handle(request)

    def rows_of(self, request: httpx.Request) -> list[Any]:
        body = json.loads(request.content) if request.content else {}
        data = body.get("data", {})
        if isinstance(data, list):
            return data
        return list(
            data.get("attributes", {}).get("profiles", {}).get("data", [data] if data else [])
        )

    def accept(self, request: httpx.Request, rows: list[Any]) -> httpx.Response:
        path = urlsplit(str(request.url)).path
        if path == "/api/profile-bulk-import-jobs":
            return self._import(rows)
        if path == "/api/profile-import":
            profile = rows[0]["attributes"] if rows else {}
            known = self.people.get(profile.get("email"))
            if known is not None:
                known["first_name"] = profile.get("first_name")
            return httpx.Response(200, json={"data": {"id": "x"}})
        if path.endswith("/import-errors"):
            return httpx.Response(200, json={"data": []})
        if path.startswith("/api/profile-bulk-import-jobs/"):
            return self._poll(path.rpartition("/")[2])
        if path == "/api/profiles":
            asked = parse_qs(urlsplit(str(request.url)).query)["filter"][0]
            known = [email for email in re.findall(r'"([^"]+)"', asked) if email in self.people]
            return httpx.Response(200, json={"data": [{"id": email} for email in known]})
        for entry in rows:  # the list's relationships
            self.people.pop(entry["id"], None)
        return httpx.Response(204)

    def let_time_pass(self) -> None:
        for name, job in self.jobs.items():
            self._finish(name, job["rows"])

    def _import(self, rows: list[Any]) -> httpx.Response:
        name = f"job{len(self.jobs)}"
        for row in rows:
            if row["attributes"]["email"] in self.refused:
                self.violations.append("a person who opted out was given to a job")
        self.jobs[name] = {"rows": rows, "is_done": False}
        return httpx.Response(202, json={"data": {"id": name}})

    def _finish(self, name: str, rows: list[Any]) -> None:
        job = self.jobs[name]
        for row in [] if job["is_done"] else rows:
            email = row["attributes"]["email"]
            known = self.people.get(email) or {}
            self.people[email] = {**known, **row["attributes"]}
            self.arrivals[email] += 1
        job["is_done"] = True

    def _poll(self, name: str) -> httpx.Response:
        if name not in self.jobs:
            return httpx.Response(404, json={})
        self._finish(name, self.jobs[name]["rows"])
        return self._state(name, "complete", len(self.jobs[name]["rows"]), 0)

    def _fail_job(self, name: str, way: str) -> httpx.Response:
        rows = self.jobs[name]["rows"]
        if way == "late":
            return self._state(name, "processing", 0, 0)
        self._finish(
            name,
            {"forgets": rows, "cancels": [], "counts wrong": rows, "counts less": rows[1:]}[way],
        )
        if way == "forgets":
            del self.jobs[name]
            return httpx.Response(404, json={})
        if way == "cancels":
            return self._state(name, "cancelled", 0, 0)
        if way == "counts wrong":
            return self._state(name, "complete", len(rows), 1)
        return self._state(name, "complete", len(rows) - 1, 0)

    def _state(self, name: str, status: str, completed: int, failed: int) -> httpx.Response:
        counts = {"status": status, "completed_count": completed, "failed_count": failed}
        return httpx.Response(200, json={"data": {"id": name, "attributes": counts}})


@dataclass
class HostileMeta(End):
    """An audience of hashes that hides throttles in status 400 and takes fewer rows than it was
    given.
    """

    ways = (*WAYS, "nothing: 400 throttle", "drops one")

    def handle(self, request: httpx.Request) -> httpx.Response:
        if not self.script or self.script[0] != "drops one":
            return super().handle(request)
        self.requests += 1
        self.used[self.script.pop(0)] += 1
        return self.accept(request, self.rows_of(request)[:-1])

    def rows_of(self, request: httpx.Request) -> list[Any]:
        return [row[0] for row in json.loads(request.content)["payload"]["data"]]

    def accept(self, request: httpx.Request, rows: list[Any]) -> httpx.Response:
        for key in rows:
            if request.method == "DELETE":
                self.people.pop(key, None)
            else:
                self.arrive(key, True)
        return httpx.Response(200, json={"num_received": len(rows), "num_invalid_entries": 0})

    def _reply(self, request: httpx.Request, reply: str, answer: httpx.Response) -> httpx.Response:
        if reply == "400 throttle":
            return httpx.Response(400, json={"error": {"code": 80003, "message": "too many calls"}})
        return super()._reply(request, reply, answer)
