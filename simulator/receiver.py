"""Simulated marketing tools on loopback: a webhook receiver that checks signatures, and a
Klaviyo-shaped API.

They run as a process of their own, so that every worker reaches them, and keep their state under
the home.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from segmentry.errors import SegmentryError
from segmentry.settings import ROOT, Settings
from simulator._tools import ToolState

LIST_ID = "newsletter"
BURST = 40  # Klaviyo-shaped requests a second before the answer is 429
START_SECONDS = 20.0

Answer = tuple[int, Any, dict[str, str]]


@contextmanager
def running(settings: Settings) -> Iterator[dict[str, str]]:
    """Start the tools, yield the environment that points the default syncs at them, and stop them
    at the end.
    """
    command = [sys.executable, "-m", "simulator.receiver", str(settings.home), str(os.getpid())]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, env=environment, text=True, cwd=ROOT
    )
    try:
        yield _announced(process)
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
        process.kill()


def _announced(process: subprocess.Popen[str]) -> dict[str, str]:
    timer = threading.Timer(START_SECONDS, process.kill)
    timer.start()
    try:
        line = process.stdout.readline() if process.stdout else ""
    finally:
        timer.cancel()
    if not line.strip():
        raise SegmentryError(
            "the simulated marketing tools did not start",
            allowed=f"a free loopback port within {START_SECONDS:.0f} s",
            remedy=(
                "run again; if it fails again, run `python -m simulator.receiver HOME` and read its"
                " output"
            ),
        )
    return {str(name): str(value) for name, value in json.loads(line).items()}


class Tools:
    """Answers requests. One method per tool."""

    def __init__(self, state: ToolState) -> None:
        self.state = state
        self.webhook_secret = state.secret("webhook", "whsec_")
        self.api_key = state.secret("klaviyo", "pk_")
        self._recent: list[float] = []
        self._lock = threading.Lock()

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """Status, body and headers for one request."""
        if path == "/webhook" and method == "POST":
            return self._webhook(headers, body)
        if not path.startswith("/api/"):
            return 404, {}, {}
        if headers.get("authorization") != f"Klaviyo-API-Key {self.api_key}":
            return 401, _errors("not_authenticated"), {}
        if "revision" not in headers:
            return 400, _errors("invalid"), {}
        if self._is_too_fast():
            return 429, _errors("throttled"), {"Retry-After": "1"}
        parts = urlsplit(path)
        for pattern, allowed, handler in self._routes():
            if allowed == method and (found := re.fullmatch(pattern, parts.path)):
                return handler(found, parse_qs(parts.query), json.loads(body or b"{}"))
        return 404, _errors("not_found"), {}

    def _is_too_fast(self) -> bool:
        with self._lock:
            now = time.monotonic()
            self._recent = [at for at in self._recent if at > now - 1.0]
            self._recent.append(now)
            return len(self._recent) > BURST

    def _webhook(self, headers: dict[str, str], body: bytes) -> Answer:
        from standardwebhooks.webhooks import Webhook, WebhookVerificationError

        try:
            content = Webhook(self.webhook_secret).verify(body, headers)
        except WebhookVerificationError:
            return 401, {"error": "signature"}, {}
        fresh = self.state.receive(headers["webhook-id"], time.time(), content["data"]["rows"])
        return 200, {"received": True, "is_repetition": not fresh}, {}

    def _routes(self) -> list[tuple[str, str, Callable[..., Answer]]]:
        return [
            (r"/api/profile-bulk-import-jobs", "POST", self._import),
            (r"/api/profile-import", "POST", self._import_one),
            (r"/api/profile-bulk-import-jobs/([^/]+)", "GET", self._job),
            (r"/api/profile-bulk-import-jobs/([^/]+)/import-errors", "GET", self._job_errors),
            (r"/api/data-privacy-deletion-jobs", "POST", self._delete),
            (r"/api/profiles", "GET", self._profiles),
            (rf"/api/lists/{LIST_ID}", "GET", self._list),
            (rf"/api/lists/{LIST_ID}/profiles", "GET", self._listed),
            (rf"/api/lists/{LIST_ID}/relationships/profiles", "DELETE", self._unlist),
        ]

    def _import(self, _: Any, __: Any, body: dict[str, Any]) -> Answer:
        data = body["data"]
        lists = data.get("relationships", {}).get("lists", {}).get("data", [])
        profiles = data["attributes"]["profiles"]["data"]
        job, total = self.state.import_profiles(
            profiles, is_listed=any(entry["id"] == LIST_ID for entry in lists)
        )
        return 202, {"data": _job_entry(job, "queued", total, 0)}, {}

    def _import_one(self, _: Any, __: Any, body: dict[str, Any]) -> Answer:
        job, _total = self.state.import_profiles([body["data"]], is_listed=False)
        return (
            200,
            {"data": {"type": "profile", "id": job, "attributes": body["data"]["attributes"]}},
            {},
        )

    def _job(self, found: re.Match[str], _: Any, __: Any) -> Answer:
        job = self.state.poll(found.group(1))
        if job is None:
            return 404, _errors("not_found"), {}
        polls, total, errors = job
        status = "complete" if polls else "processing"
        return 200, {"data": _job_entry(found.group(1), status, total, len(errors))}, {}

    def _job_errors(self, found: re.Match[str], _: Any, __: Any) -> Answer:
        _, _, errors = self.state.poll(found.group(1)) or (0, 0, [])
        entries = [
            {
                "type": "import-error",
                "id": f"{found.group(1)}-{place}",
                "attributes": {
                    "code": "invalid",
                    "title": "Invalid input",
                    "detail": "email is not valid",
                    "source": {
                        "pointer": f"/data/attributes/profiles/data/{place}/attributes/email"
                    },
                },
            }
            for place in errors
        ]
        return 200, {"data": entries, "links": {"next": None}}, {}

    def _profiles(self, _: Any, query: dict[str, list[str]], __: Any) -> Answer:
        wanted = re.findall(r'"([^"]*)"', query.get("filter", [""])[0])
        found = self.state.find([email.lower() for email in wanted])
        return 200, {"data": [_profile_entry(*pair) for pair in found], "links": {"next": None}}, {}

    def _list(self, _: Any, __: Any, ___: Any) -> Answer:
        return 200, {"data": {"type": "list", "id": LIST_ID, "attributes": {"name": LIST_ID}}}, {}

    def _listed(self, _: Any, query: dict[str, list[str]], __: Any) -> Answer:
        size = int(query.get("page[size]", ["20"])[0])
        found = self.state.listed(int(query.get("page[cursor]", ["0"])[0]), size)
        path = (
            f"/api/lists/{LIST_ID}/profiles?page[size]={size}&page[cursor]={found[-1][0]}"
            if found
            else None
        )
        following = path if len(found) == size else None
        return (
            200,
            {"data": [_profile_entry(*pair) for pair in found], "links": {"next": following}},
            {},
        )

    def _delete(self, _: Any, __: Any, body: dict[str, Any]) -> Answer:
        profile = body["data"]["attributes"]["profile"]["data"]
        if "id" not in profile:
            return 400, _errors("invalid"), {}
        self.state.delete([str(profile["id"])])
        return 202, None, {}

    def _unlist(self, _: Any, __: Any, body: dict[str, Any]) -> Answer:
        self.state.unlist([entry["id"] for entry in body["data"]])
        return 204, None, {}


def _errors(code: str) -> dict[str, Any]:
    return {
        "errors": [
            {"id": "0", "code": code, "title": code, "detail": code, "source": {"pointer": "/data"}}
        ]
    }


def _job_entry(job: str, status: str, total: int, failed: int) -> dict[str, Any]:
    counts = {"total_count": total, "completed_count": total - failed, "failed_count": failed}
    return {
        "type": "profile-bulk-import-job",
        "id": job,
        "attributes": {"status": status, "created_at": "2026-01-01T00:00:00+00:00", **counts},
    }


def _profile_entry(profile_id: int, email: str) -> dict[str, Any]:
    return {"type": "profile", "id": str(profile_id), "attributes": {"email": email}}


def _handler(tools: Tools) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Reads a request, asks the tools, writes the answer; prints nothing to standard error."""

        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, content, extra = tools.answer(self.command, self.path, headers, body)
            tools.state.note(time.time(), self.command, self.path, status)
            text = b"" if content is None else json.dumps(content).encode()
            self.send_response(status)
            for name, value in {
                **extra,
                "Content-Type": "application/json",
                "Content-Length": str(len(text)),
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_DELETE = _serve  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """A path may contain an address: nothing is logged."""

    return Handler


def main(home: str, parent: str | None = None) -> None:
    """Serve until interrupted, or until the process that started it has ended."""
    tools = Tools(ToolState(Path(home)))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(tools))
    url = f"http://127.0.0.1:{server.server_port}"
    announced = {
        "SEGMENTRY_SIMULATED_TOOLS": url,  # by it the ledger knows that rows went to no real tool
        "SEGMENTRY_WEBHOOK_URL": f"{url}/webhook",
        "SEGMENTRY_WEBHOOK_SECRET": tools.webhook_secret,
        "SEGMENTRY_KLAVIYO_URL": url,
        "KLAVIYO_API_KEY": tools.api_key,
        "KLAVIYO_LIST_ID": LIST_ID,
    }
    print(json.dumps(announced), flush=True)
    if parent is not None:
        threading.Thread(target=_stop_with, args=(server, int(parent)), daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()


def _stop_with(server: ThreadingHTTPServer, parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    server.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
