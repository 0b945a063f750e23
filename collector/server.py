"""Serves the collector until SIGTERM or SIGINT; requests that have begun are answered first."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import uvicorn

from collector import keys
from collector.app import Collector
from collector.journal import Journal
from segmentry.permissions import keep_private
from segmentry.settings import Settings

PORT = 8083


def main() -> None:
    """Serve as a program of its own: ``python -m collector.server --port PORT``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=PORT)
    given = parser.parse_args()
    keep_private()
    serve(Settings.from_environment(), given.host, given.port)


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve on host and port; ConfigError or UsageError where that cannot begin."""
    rules = keys.load(settings)
    inbox = Path(os.environ.get("SEGMENTRY_INBOX") or settings.home / "inbox")
    journal = Journal(inbox, rules.file_bytes, rules.file_seconds)
    # No access log: the path of a pixel contains the event.
    uvicorn.run(
        Collector(rules, journal),
        host=host,
        port=port,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=20,
    )


if __name__ == "__main__":
    main()
