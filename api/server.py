"""Serves the profile API until SIGTERM or SIGINT; requests that have begun are answered first."""

from __future__ import annotations

import argparse

import uvicorn

from api import rules
from api.app import build
from api.service import ApiService
from live.store.opened import open_store
from live.store.opt_outs import RefusalWatch
from segmentry import warehouse
from segmentry.permissions import keep_private
from segmentry.settings import Settings

PORT = 8084


def main() -> None:
    """Serve as a program of its own: ``python -m api.server --port PORT``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=PORT)
    given = parser.parse_args()
    keep_private()
    serve(Settings.from_environment(), given.host, given.port)


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve on host and port; ConfigError where that cannot begin."""
    found = rules.load(settings)
    warehouse.prepare(settings)
    store = open_store(settings)
    watch = RefusalWatch(settings, store)
    service = ApiService(settings, store, found, watch, reads_directly=True)
    service.decider  # noqa: B018 - content that does not fit is reported before anybody asks
    watch.start()
    # No access log: a path contains an identifier.
    uvicorn.run(
        build(service),
        host=host,
        port=port,
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()
