"""A home with a configuration of its own, and a receiver of alerts on loopback."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import yaml
from standardwebhooks.webhooks import Webhook

from segmentry.settings import ROOT, Settings
from tests.activation import loopback

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CONNECTION = {"url": "ALERTS_URL", "secret": "ALERTS_SECRET"}


class Receiver:
    """What arrived: messages by their id, in order. statuses: of the next answers; then 204."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, dict[str, Any]]] = []
        self.statuses: list[int] = []

    def incidents(self, event: str) -> list[str]:
        """Ids of the incidents that arrived as opened or resolved, as often as they did."""
        return [
            one["incident_id"] for _, content in self.messages for one in content["data"][event]
        ]

    def take(self, headers: Any, body: bytes) -> int:
        Webhook(SECRET).verify(body, dict(headers))
        status = self.statuses.pop(0) if self.statuses else 204
        if status < 300:
            self.messages.append((headers["webhook-id"], json.loads(body)))
        return status


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver that the channel ``hook`` of ``configure`` reaches."""
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(made.take(self.headers, body))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with loopback.serving(Handler) as address:
        monkeypatch.setenv("ALERTS_URL", f"{address}/alerts")
        monkeypatch.setenv("ALERTS_SECRET", SECRET)
        yield made


@pytest.fixture
def own(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The home with a configuration that a test may change."""
    config = tmp_path / "config"
    shutil.copytree(ROOT / "config", config)
    monkeypatch.setenv("SEGMENTRY_CONFIG", str(config))
    return replace(home, config=config)


def configure(settings: Settings, *channels: dict[str, Any], **parts: Any) -> None:
    """Write config/alerts.yml; without channels there is one, ``hook``."""
    hook = {"name": "hook", "kind": "webhook", "connection": CONNECTION}
    content = {"channels": [*channels] or [hook], **parts}
    (settings.config / "alerts.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
